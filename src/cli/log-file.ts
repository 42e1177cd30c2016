/** A log that is also written to a file, which is set aside when it is large or old enough. */
import { appendFileSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { basename, dirname, extname, join } from 'node:path'
import type { LogFileSettings } from '../agent/config/log.ts'

export class LogFile {
  readonly #settings: LogFileSettings
  readonly #path: string
  readonly #now: () => number
  #size: number
  #since: number

  /** `name` is that of the file where the path is a folder. Throws what the file system says. */
  constructor(settings: LogFileSettings, name: string, now: () => number) {
    this.#settings = settings
    this.#path = settings.path.endsWith('/') ? join(settings.path, `${name}.log`) : settings.path
    this.#now = now
    mkdirSync(dirname(this.#path), { recursive: true, mode: 0o755 })
    appendFileSync(this.#path, '', { mode: 0o640 })
    const { size, birthtimeMs } = statSync(this.#path)
    this.#size = size
    this.#since = size === 0 ? now() : Math.min(birthtimeMs, now())
  }

  /** What cannot be written is lost here: the same line goes to the error output as well. */
  write(line: string): void {
    try {
      if (this.#isDue(Buffer.byteLength(line))) this.#setAside()
      appendFileSync(this.#path, line, { mode: 0o640 })
      this.#size += Buffer.byteLength(line)
    } catch {
      // See above.
    }
  }

  #isDue(bytes: number): boolean {
    const { bytesMax, secondsMax } = this.#settings
    if (this.#size === 0) return false
    return (bytesMax > 0 && this.#size + bytes > bytesMax) || (secondsMax > 0 && this.#now() - this.#since >= secondsMax * 1000)
  }

  /** `agent.log` becomes `agent-TIME.log`, TIME in milliseconds; of these the newest stay. */
  #setAside(): void {
    const extension = extname(this.#path)
    const stem = basename(this.#path, extension)
    const folder = dirname(this.#path)
    renameSync(this.#path, join(folder, `${stem}-${this.#now()}${extension}`))
    this.#size = 0
    this.#since = this.#now()
    const { filesMax } = this.#settings
    if (filesMax === 0) return
    const old = readdirSync(folder).filter((name) => name.startsWith(`${stem}-`) && name.endsWith(extension) && /^\d+$/.test(name.slice(stem.length + 1, name.length - extension.length)))
    for (const name of old.toSorted().toReversed().slice(Math.max(0, filesMax))) rmSync(join(folder, name), { force: true })
  }
}
