/**
 * The file device: appends to a file, to standard output, or to nothing. Several processes may append to one file: a batch is one
 * `write` with O_APPEND, which local file systems do not interleave (NFS does).
 */
import { hash } from 'node:crypto'
import type { Stats } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import type { AuditLimits, FileTarget } from '../config.ts'
import { lineText, nothingFound, piecesOf, WriteFailure, type AuditDevice, type Line, type Opening, type Staleness } from './device.ts'
import { checkFileKind, checkFilePath, isDevicePath } from './file-path.ts'
import { codeOf, nodeFileSystem, openFile, piecesMax, type FileSystem, type OpenFile } from './file-system.ts'
import { readTail } from './tail.ts'

export interface FileDeviceOptions {
  readonly target: FileTarget
  readonly limits: AuditLimits
  /** Milliseconds. */
  readonly now: () => number
  readonly files?: FileSystem
  /** How often the file is looked for under its name. Milliseconds. */
  readonly checkEveryMs?: number
}

export function fileDevice(options: FileDeviceOptions): AuditDevice {
  if (options.target.path === 'discard') return discardDevice
  return new FileDevice(options).device
}

const discardDevice: AuditDevice = Object.freeze({
  open: async () => nothingFound,
  staleness: () => null,
  size: () => null,
  write: async () => {},
  close: async () => {},
})

const standardOutput = 1
/** A pipe whose reader is slow; the deadline of the caller bounds the waiting. */
const fullPipePauseMs = 5

class FileDevice {
  readonly device: AuditDevice = {
    open: () => this.#open(),
    staleness: (now) => this.#staleness(now === true),
    size: () => (this.#isRegular ? this.#size : null),
    write: (lines) => this.#write(lines),
    close: () => this.#close(),
  }
  readonly #target: FileTarget
  readonly #limits: AuditLimits
  readonly #files: FileSystem
  readonly #now: () => number
  readonly #checkEveryMs: number
  #file: OpenFile | null = null
  #opening: Opening = nothingFound
  #identity: Pick<Stats, 'ino' | 'dev'> = { ino: 0, dev: 0 }
  #isRegular = false
  #size = 0
  #checkedAt = 0
  /** Of the operation that has not returned yet: its descriptor must stay open until then. */
  #busy: Promise<unknown> = Promise.resolve()
  #isClosed = false

  constructor({ target, limits, now, files = nodeFileSystem, checkEveryMs = 1000 }: FileDeviceOptions) {
    this.#target = target
    this.#limits = limits
    this.#files = files
    this.#now = now
    this.#checkEveryMs = checkEveryMs
  }

  async #open(): Promise<Opening> {
    if (this.#file !== null) return this.#opening
    this.#isClosed = false
    const file = await this.#openFile()
    try {
      const found = await file.stat()
      await this.#admit(file, found)
      this.#opening = this.#isRegular && found.size > 0 ? await readTail(this.#target.path, found.size) : { ...nothingFound }
    } catch (error) {
      await closeQuietly(file, this.#target)
      throw error
    }
    this.#file = file
    return this.#opening
  }

  async #openFile(): Promise<OpenFile> {
    const { path, mode } = this.#target
    if (path === 'stdout') return openFile(standardOutput)
    await checkFilePath(path, this.#limits)
    if (!isDevicePath(path)) await this.#files.makeFolderOf(path)
    return await this.#files.open(path, mode === 0 ? 0o600 : mode)
  }

  async #admit(file: OpenFile, found: Stats): Promise<void> {
    const { path, mode } = this.#target
    this.#identity = { ino: found.ino, dev: found.dev }
    this.#isRegular = found.isFile() && path !== 'stdout' && !isDevicePath(path)
    this.#size = found.size
    this.#checkedAt = this.#now()
    if (path === 'stdout') return
    await checkFileKind(path, found)
    if (this.#isRegular && mode !== 0 && (found.mode & 0o777) !== mode) await file.chmod(mode)
  }

  /** Someone may delete, replace or truncate the file at any time; a look at its name costs less than a lost log. */
  #staleness(isForced: boolean): Staleness | null | Promise<Staleness | null> {
    if (this.#file === null || !this.#isRegular) return null
    if (!isForced && Math.abs(this.#now() - this.#checkedAt) < this.#checkEveryMs) return null
    this.#checkedAt = this.#now()
    return this.#look()
  }

  async #look(): Promise<Staleness | null> {
    let found: Stats | null
    try {
      found = await this.#files.stat(this.#target.path)
    } catch {
      return null // writing will tell what is wrong
    }
    if (found === null || found.ino !== this.#identity.ino || found.dev !== this.#identity.dev) return 'moved'
    if (found.size < this.#size) return 'cut'
    this.#size = found.size
    return null
  }

  async #write(lines: readonly Line[]): Promise<void> {
    const file = this.#file
    if (file === null) throw new WriteFailure(new Error('the file is not open'))
    const work = this.#append(file, lines)
    this.#busy = work.catch(() => {})
    await work
  }

  async #append(file: OpenFile, lines: readonly Line[]): Promise<void> {
    let pieces = piecesOf(lines)
    if (pieces.length > piecesMax) pieces = [Buffer.concat(pieces)]
    const size = pieces.reduce((sum, piece) => sum + piece.length, 0)
    let done = 0
    try {
      while (done < size) {
        if (done > 0 && pieces.length > 1) pieces = [Buffer.concat(pieces)]
        done += await this.#take(file, done > 0 && pieces[0] !== undefined ? [pieces[0].subarray(done)] : pieces)
        // Another process may write between two parts of a line. So a file that does not take everything at once (a full disk) has failed.
        if (this.#isRegular && done < size) throw new Error(`only ${done} of ${size} bytes were written: no space left?`)
      }
      if (this.#target.fsync && this.#isRegular) await file.sync()
    } catch (error) {
      throw failureAt(error, lines, Buffer.concat(pieces), done < size ? done : 0)
    }
    this.#size += size
  }

  async #take(file: OpenFile, pieces: readonly Uint8Array[]): Promise<number> {
    for (;;) {
      try {
        return pieces.length === 1 && pieces[0] !== undefined ? await file.write(pieces[0]) : await file.writeAll(pieces)
      } catch (error) {
        if (codeOf(error) === 'EINTR') continue
        if (codeOf(error) !== 'EAGAIN' || this.#isClosed) throw error
        await pause(fullPipePauseMs)
      }
    }
  }

  async #close(): Promise<void> {
    this.#isClosed = true
    const file = this.#file
    this.#file = null
    if (file !== null) await this.#busy.then(() => closeQuietly(file, this.#target))
  }
}

/** Standard output belongs to the process. */
async function closeQuietly(file: OpenFile, target: FileTarget): Promise<void> {
  if (target.path === 'stdout') return
  try {
    await file.close()
  } catch {
    // Every line was reported when it was written; there is nothing left to say.
  }
}

/** How many of the lines are among the first `done` bytes, and what else is. */
function failureAt(cause: unknown, lines: readonly Line[], bytes: Buffer, done: number): WriteFailure {
  let whole = 0
  let start = 0
  for (const line of lines) {
    const next = start + Buffer.byteLength(lineText(line))
    if (next > done) break
    start = next
    whole++
  }
  const piece = bytes.subarray(start, done)
  return new WriteFailure(cause, whole, piece.length === 0 ? null : { bytes: piece.length, hash: hash('sha256', piece) })
}
