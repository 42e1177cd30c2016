/** What an audit device is to the rest: a place that takes whole lines in order and says when it has them. */

/** A whole line with its line feed; one that is very long comes as its bytes, in pieces. */
export type Line = string | readonly Uint8Array[]

export const lineText = (line: Line): string => (typeof line === 'string' ? line : Buffer.concat(line).toString())

/** The last line of a chain. */
export interface ChainEnd {
  readonly id: string
  readonly seq: number
  /** SHA-256 of the line, hexadecimal. */
  readonly hash: string
}

/** The beginning of a line whose rest was never written. */
export interface Torn {
  readonly bytes: number
  /** SHA-256 of these bytes, hexadecimal. */
  readonly hash: string
}

/** What was found when a device was opened. */
export interface Opening {
  /** Ends of chains among the last lines of the file. */
  readonly ends: readonly ChainEnd[]
  /** A piece of a line at the end of the file; it must be closed by a line feed before anything else is written. */
  readonly torn: Torn | null
}

/**
 * `moved`: the file was deleted or replaced; what is open still takes lines, for whoever holds it. `cut`: it was truncated.
 * `lost`: the connection is gone.
 */
export type Staleness = 'moved' | 'cut' | 'lost'

/**
 * Contract, checked by `contract.ts` for every kind: calls do not overlap; a device that failed works again as soon as the cause is
 * gone, without being made anew; nothing that a caller does can stop the process.
 */
export interface AuditDevice {
  /** Opens or connects, unless that is done. The same object as long as nothing was opened anew. Throws when it cannot be done. */
  readonly open: () => Promise<Opening>
  /** Whether what is open is no longer what the configuration names; null while it is. Asks the system now and then, or `now`. Never throws. */
  readonly staleness: (now?: boolean) => Staleness | null | Promise<Staleness | null>
  /** How long the file is at least; null where that means nothing. */
  readonly size: () => number | null
  /** Writes whole lines, each with its line feed. Resolves when all were taken; throws a `WriteFailure`. */
  readonly write: (lines: readonly Line[]) => Promise<void>
  /** Closes what is open; the next `open` begins anew. Never throws. Also ends what hangs. */
  readonly close: () => Promise<void>
}

/** Not everything was written: the first `whole` lines were, and perhaps a piece of the next. */
export class WriteFailure extends Error {
  override readonly name = 'WriteFailure'
  readonly whole: number
  readonly torn: Torn | null
  constructor(cause: unknown, whole = 0, torn: Torn | null = null) {
    super(reasonOf(cause), { cause })
    this.whole = whole
    this.torn = torn
  }
}

/** The text of an error for the log and for `sys/audit`: system errors by their code and call, without more. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** All lines as bytes. Those that are texts become one piece for as many as follow each other. */
export function piecesOf(lines: readonly Line[]): readonly Uint8Array[] {
  if (lines.every((line) => typeof line === 'string')) return [Buffer.from(lines.length === 1 ? (lines[0] ?? '') : lines.join(''))]
  return lines.flatMap((line) => (typeof line === 'string' ? [Buffer.from(line)] : line))
}

export const nothingFound: Opening = Object.freeze({ ends: [], torn: null })
