/**
 * Standard streams for a server: writing never waits for the reader. Node's own writes to a pipe or a screen block when it is full, and who
 * starts a server in a test suite often reads nothing. What does not fit is kept up to a limit; beyond that, lines are lost and counted.
 */
import { closeSync, constants, fstatSync, openSync, writeSync } from 'node:fs'
import { Socket } from 'node:net'

type Write = (text: string) => void

/** Bytes that wait for a reader. */
const pendingMax = 1024 * 1024
/** Milliseconds between attempts to write to a stream that was full. */
const retryInterval = 50

/** The writer for a descriptor (1 or 2). `plain` writes to it as Node does, for streams that cannot be full. */
export function openStream(descriptor: 1 | 2, plain: Write): Write {
  const kind = fstatSync(descriptor)
  if (kind.isFile()) return plain
  if (kind.isSocket()) return socketWriter(descriptor) ?? plain
  const own = reopened(descriptor)
  if (own !== null) return unblockedWriter(own)
  return (kind.isFIFO() ? socketWriter(descriptor) : null) ?? plain
}

/** A description of its own for the same pipe or screen, so that not blocking concerns nobody who shares the old one. Null where there is none. */
function reopened(descriptor: 1 | 2): number | null {
  if (process.platform !== 'linux') return null
  try {
    return openSync(`/proc/self/fd/${descriptor}`, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY)
  } catch {
    return null // No rights, or no /proc.
  }
}

const lostNotice = (lines: number): string => `(${lines} lines of the log were lost because nobody read them)\n`

/** What waits for its reader. Bytes of a line that was begun are never dropped. */
class Pending {
  #chunks: Buffer[] = []
  #bytes = 0
  #lost = 0

  add(text: string): void {
    const chunk = Buffer.from(this.#lost > 0 && this.#bytes < pendingMax ? lostNotice(this.#lost) + text : text)
    if (this.#bytes >= pendingMax) return void (this.#lost += 1)
    this.#lost = 0
    this.#chunks.push(chunk)
    this.#bytes += chunk.length
  }

  get isEmpty(): boolean {
    return this.#bytes === 0
  }

  /** Gives pieces to `write`, which says how many bytes it took, until it takes less than it was given. */
  drain(write: (chunk: Buffer) => number): void {
    for (let chunk = this.#chunks[0]; chunk !== undefined; chunk = this.#chunks[0]) {
      const taken = write(chunk)
      this.#bytes -= taken
      if (taken < chunk.length) return void (this.#chunks[0] = chunk.subarray(taken))
      this.#chunks.shift()
    }
  }
}

/** Writes at once what fits, the rest later. Nothing of it keeps the process alive. */
function unblockedWriter(descriptor: number): Write {
  const pending = new Pending()
  let timer: NodeJS.Timeout | null = null
  const flush = (): void => {
    timer = null
    pending.drain((chunk) => writeSome(descriptor, chunk))
    if (!pending.isEmpty) timer = setTimeout(flush, retryInterval).unref()
  }
  process.once('exit', () => {
    flush()
    closeSync(descriptor)
  })
  return (text) => {
    pending.add(text)
    if (timer === null) flush()
  }
}

/** How many bytes the stream took. A reader that is gone takes everything. */
function writeSome(descriptor: number, chunk: Buffer): number {
  try {
    return writeSync(descriptor, chunk)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EAGAIN' ? 0 : chunk.length
  }
}

/** For sockets, which cannot be opened a second time: Node's own queue, up to the limit. Null where the descriptor is none for Node. */
function socketWriter(descriptor: 1 | 2): Write | null {
  try {
    const socket = new Socket({ fd: descriptor, readable: false, writable: true })
    let lost = 0
    socket.unref()
    socket.on('error', () => null) // The reader has gone.
    return (text) => {
      if (socket.destroyed) return
      if (socket.writableLength >= pendingMax) return void (lost += 1)
      socket.write(lost > 0 ? lostNotice(lost) + text : text)
      lost = 0
    }
  } catch {
    return null
  }
}
