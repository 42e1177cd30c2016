/** Devices that write to a connection which takes bytes in order: TCP, unix sockets, the input of a program. */
import type { Writable } from 'node:stream'
import { lineText, nothingFound, piecesOf, WriteFailure, type AuditDevice, type Opening } from './device.ts'

/** An open connection. */
export interface Connection {
  readonly output: Writable
  /** Ends it at once, whatever hangs. */
  readonly destroy: () => void
  /** Ends it after what was written has been taken. */
  readonly end: () => Promise<void>
}

export interface StreamOptions {
  /** Connects; `lost` is to be called when the connection is gone. Rejects when it cannot be made in time. */
  readonly connect: (lost: (reason: Error) => void) => Promise<Connection>
  readonly deadlineMs: number
  /** What is sent for a line. */
  readonly frame?: (line: string) => string
}

/** What was taken counts as written when the system has it: whether the other side got it is not known, in Vault neither. */
export function streamDevice({ connect, deadlineMs, frame }: StreamOptions): AuditDevice {
  let current: Current | null = null
  return {
    async open() {
      if (current !== null) return current.opening
      const state: { lost: Error | null } = { lost: null }
      const connection = await connect((reason) => void (state.lost ??= reason))
      current = { connection, state, opening: { ...nothingFound } }
      return current.opening
    },
    staleness: () => (current !== null && current.state.lost !== null ? 'lost' : null),
    size: () => null,
    async write(lines) {
      if (current === null || current.state.lost !== null) throw new WriteFailure(current?.state.lost ?? new Error('not connected'))
      await writeAll(current.connection, piecesOf(frame === undefined ? lines : lines.map((line) => frame(lineText(line)))), deadlineMs)
    },
    async close() {
      const ended = current
      current = null
      if (ended === null) return
      if (ended.state.lost !== null) ended.connection.destroy()
      else await ended.connection.end()
    },
  }
}

interface Current {
  readonly connection: Connection
  /** Of this connection: a late event of an earlier one means nothing. */
  readonly state: { readonly lost: Error | null }
  readonly opening: Opening
}

function writeAll(connection: Connection, pieces: readonly Uint8Array[], deadlineMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (error?: Error | null): void => {
      clearTimeout(timer)
      if (error === undefined || error === null) resolve()
      else reject(new WriteFailure(error))
    }
    const timer = setTimeout(() => {
      connection.destroy()
      settle(new Error(`not taken within ${deadlineMs} ms`))
    }, deadlineMs)
    const failed = (error?: Error | null): void => (error === undefined || error === null ? undefined : settle(error))
    for (const [i, piece] of pieces.entries()) connection.output.write(piece, i === pieces.length - 1 ? settle : failed)
  })
}
