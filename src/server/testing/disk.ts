/**
 * What lies under the file system, for tests: the shim `disk-shim.c` notes the writes and syncs of a data file, and this makes the file that a power
 * cut at any moment would have left: all that was synced, and of the rest any sectors.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** Compiles `disk-shim.c` or `clock-shim.c` into a folder. Null where there is no C compiler, or another system than Linux. */
export function buildShim(folder: string, name: 'disk' | 'clock' = 'disk'): string | null {
  if (process.platform !== 'linux') return null
  const file = join(folder, `${name}-shim.so`)
  const source = join(import.meta.dirname, `../../../../src/server/testing/${name}-shim.c`)
  try {
    execFileSync('cc', ['-O2', '-shared', '-fPIC', '-o', file, source, '-ldl', '-lpthread'], { stdio: 'ignore' })
  } catch {
    return null
  }
  return file
}

/** How many bytes of the log are written: a position in the order of what happened to the disk. */
export const positionOf = (log: string): number => (existsSync(log) ? statSync(log).size : 0)

interface DiskWrite {
  readonly kind: 'write'
  readonly at: number
  readonly offset: number
  readonly bytes: Buffer
  /** Positions from which on it is durable. */
  durableFrom: number
}
type DiskEvent = DiskWrite | { readonly kind: 'length'; readonly at: number; readonly length: number }

const headBytes = 24
/** Written whole or not at all. */
const sectorBytes = 512

/** The log of a data file. A record is [kind 4][synced by itself 4][offset 8][length 8][bytes]; see the shim for the kinds. */
export class DiskLog {
  readonly #events: DiskEvent[] = []
  /** Positions right behind a sync: the moments that are most worth a cut. */
  readonly syncs: number[] = []

  /** From `lyingFrom` on, a disk that says that it has synced and has not. */
  constructor(file: string, lyingFrom = Infinity) {
    const log = readFileSync(file)
    const begun = new Map<bigint, number>()
    for (let at = 0; at + headBytes <= log.length; ) {
      const [kind, offset, length] = [String.fromCharCode(log.readUInt32LE(at)), log.readBigUInt64LE(at + 8), Number(log.readBigUInt64LE(at + 16))]
      const end = at + headBytes + length
      if (end > log.length) break
      if (kind === 'W') this.#events.push({ kind: 'write', at: end, offset: Number(offset), bytes: log.subarray(at + headBytes, end), durableFrom: Infinity })
      if (kind === 'T') this.#events.push({ kind: 'length', at: end, length: Number(offset) })
      if (kind === 'B') begun.set(offset, at)
      if (at >= lyingFrom && (kind === 'E' || kind === 'F')) this.syncs.push(end)
      else if (kind === 'E') this.#synced((write) => write.at <= (begun.get(offset) ?? 0), end)
      else if (kind === 'F') this.#synced((write) => write.offset === Number(offset), end, true)
      at = end
    }
  }

  #synced(isMeant: (write: DiskWrite) => boolean, from: number, onlyLast = false): void {
    for (let i = this.#events.length - 1; i >= 0; i--) {
      const event = this.#events[i] as DiskEvent
      if (event.kind !== 'write' || !isMeant(event)) continue
      // Whatever came before a durable write was made so by an earlier sync.
      if (event.durableFrom !== Infinity) break
      event.durableFrom = from
      if (onlyLast) break
    }
    this.syncs.push(from)
  }

  /** The file after a cut at `position`; `random` chooses what of the unsynced has come to the disk nevertheless. */
  fileAt(position: number, random: () => number): Buffer {
    const events = this.#events.filter(({ at }) => at <= position)
    const size = Math.max(0, ...events.map((event) => (event.kind === 'write' ? event.offset + event.bytes.length : event.length)))
    const file = Buffer.alloc(size)
    for (const event of events) {
      if (event.kind !== 'write') continue
      if (event.durableFrom <= position) event.bytes.copy(file, event.offset)
      else copySome(event, file, random)
    }
    return file
  }
}

/** Of an unsynced write: nothing, all, or any of its sectors. */
function copySome({ bytes, offset }: DiskWrite, file: Buffer, random: () => number): void {
  const share = [0, 1, random()][Math.floor(random() * 3)] ?? 0
  for (let from = 0; from < bytes.length; ) {
    const to = Math.min(bytes.length, from + sectorBytes - ((offset + from) % sectorBytes))
    if (random() < share) bytes.copy(file, offset + from, from, to)
    from = to
  }
}
