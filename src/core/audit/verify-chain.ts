/** Follows one chain through a log and says what is wrong with it. */
import type { Checkpoint, Link, LogLine } from './verify-line.ts'

export type FindingKind = 'changed' | 'removed' | 'reordered' | 'added' | 'unknown key'

/** One thing that is wrong. `line` is the first line where it shows; with `since`, it may lie anywhere after that line. */
export interface Finding {
  readonly line: number
  readonly kind: FindingKind
  readonly text: string
  readonly since?: number
}

interface Seen {
  readonly seq: number
  readonly hash: string
  readonly line: number
}

/** Places of a chain that were passed over. */
interface Gap {
  from: number
  to: number
  /** The chain's lines around it. */
  readonly after: number
  readonly noticed: number
}

/** Two neighbours that do not fit: which of them was changed shows at the next line. */
interface Suspicion {
  readonly before: Seen
  readonly line: Seen
}

export type LinkedLine = LogLine & { readonly link: Link }

/** So many lines back a start of another chain can refer to. */
const memory = 64
const findingsMax = 100

export class ChainCheck {
  readonly id: string
  /** Its first line was no start. */
  readonly isHeadless: boolean
  readonly firstLine: number
  readonly gaps: Gap[] = []
  readonly findings: Finding[] = []
  lines = 0
  every = 0
  /** Number of the last line that a valid signature covers; 0: none. */
  provenLine = 0
  /** A checkpoint says that nothing follows. */
  isEnded = false
  last: Seen
  #sinceCheckpoint = 0
  #suspicion: Suspicion | null = null
  readonly #recent: (Seen | undefined)[] = Array.from({ length: memory })

  constructor(first: LinkedLine) {
    this.id = first.link.id
    this.firstLine = first.number
    this.isHeadless = first.checkpoint?.reason !== 'start' || first.link.seq !== 0 || first.link.prev !== ''
    this.last = seen(first)
    this.lines = 1
    this.#remember(this.last)
    this.#noteCheckpoint(first)
  }

  /** The next line of this chain, in the order of the log. `glued`: tells whether bytes before the last line account for a mismatch. */
  add(line: LinkedLine, glued: (before: Seen, wanted: string) => boolean): void {
    const { seq } = line.link
    const expected = this.last.seq + 1
    this.lines++
    if (this.isEnded) return this.#report(line.number, 'added', `line ${line.number} was added: its chain had ended`)
    const fits = this.#fits(line, glued)
    if (!fits && seq < expected) return this.#addEarlier(line)
    if (!fits && seq > expected) this.gaps.push({ from: expected, to: seq - 1, after: this.last.line, noticed: line.number })
    if (!fits && seq === expected) this.#suspect(line)
    if (fits && seq !== expected) this.#report(line.number, 'changed', `line ${line.number} was changed: its number in its chain`)
    this.last = fits ? { ...seen(line), seq: expected } : seen(line)
    this.#remember(this.last)
    this.#noteCheckpoint(line)
  }

  #fits({ link: { seq, prev } }: LinkedLine, glued: (before: Seen, wanted: string) => boolean): boolean {
    const suspicion = this.#suspicion
    if (suspicion !== null && prev === suspicion.line.hash) {
      this.#suspicion = null
      this.#blameBefore(suspicion, 1)
    } else if (suspicion !== null && seq === suspicion.line.seq + 1) {
      this.#suspicion = null
      this.#report(suspicion.line.line, 'changed', `line ${suspicion.line.line} was changed`)
      return true // which is why this one does not fit
    }
    return prev === this.last.hash || (seq === this.last.seq + 1 && glued(this.last, prev))
  }

  /** A line with a number that was passed: out of its place, or one too many. */
  #addEarlier(line: LinkedLine): void {
    const { seq } = line.link
    const gap = this.gaps.find(({ from, to }) => seq >= from && seq <= to)
    if (gap === undefined) return this.#report(line.number, 'added', `line ${line.number} was added: its place in its chain is taken`)
    this.#report(gap.noticed, 'reordered', `line ${gap.noticed} stands before line ${line.number}, which was written earlier`)
    this.gaps.splice(this.gaps.indexOf(gap), 1, ...[{ ...gap, to: seq - 1 }, { ...gap, from: seq + 1 }].filter(({ from, to }) => from <= to))
  }

  #suspect(line: LinkedLine): void {
    const suspicion = { before: this.last, line: seen(line) }
    // A valid signature covers `prev`: then it is the line before that was changed, or one before that and the chain computed anew.
    if (line.checkpoint?.signature === 'valid') this.#blameBefore(suspicion, this.#sinceCheckpoint)
    else this.#suspicion = suspicion
  }

  /** `candidates`: how many lines may be the one that was changed; the last of them, unless hashes were computed anew. */
  #blameBefore({ before }: Suspicion, candidates: number): void {
    const since = this.provenLine
    if (candidates <= 1) this.#report(before.line, 'changed', `line ${before.line} was changed`)
    else this.#report(before.line, 'changed', `line ${before.line} was changed, or one after line ${since} and the hashes from there on computed anew`, since)
  }

  #noteCheckpoint(line: LinkedLine): void {
    const { checkpoint } = line
    if (checkpoint === null) this.#sinceCheckpoint++
    else this.#apply(checkpoint, line)
  }

  #apply(checkpoint: Checkpoint, line: LinkedLine): void {
    if (checkpoint.reason === 'start') this.every = checkpoint.every
    if (checkpoint.reason === 'end' && checkpoint.signature !== 'invalid') this.isEnded = true
    if (checkpoint.signature === 'invalid') this.#report(line.number, 'changed', `the signature of the checkpoint in line ${line.number} is wrong`)
    if (checkpoint.signature === 'valid') this.provenLine = line.number
    this.#sinceCheckpoint = 0
  }

  /** Lines since the last checkpoint. */
  get sinceCheckpoint(): number {
    return this.#sinceCheckpoint
  }

  /** The line of this chain with that number, if it is among the last. */
  find(seq: number): Seen | null {
    const found = this.#recent[seq % memory]
    return found?.seq === seq ? found : null
  }

  /** What is still open when the log ends. */
  finish(): void {
    if (this.#suspicion !== null) this.#report(this.#suspicion.before.line, 'changed', `line ${this.#suspicion.before.line}, or line ${this.#suspicion.line.line} after it, was changed`)
    for (const { from, to, after, noticed } of this.gaps) {
      const count = to - from + 1
      if (count < 1) continue
      this.#report(noticed, 'removed', `${count === 1 ? 'a line was' : `${count} lines were`} removed between line ${after} and line ${noticed}`)
    }
  }

  #remember(line: Seen): void {
    this.#recent[line.seq % memory] = line
  }

  #report(line: number, kind: FindingKind, text: string, since?: number): void {
    if (this.findings.length < findingsMax) this.findings.push({ line, kind, text, ...(since === undefined ? {} : { since }) })
  }
}

const seen = (line: LinkedLine): Seen => ({ seq: line.link.seq, hash: line.hash, line: line.number })
