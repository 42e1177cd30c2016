/**
 * Proves an audit log, or names the first line that was changed, removed, reordered or added, and says what cannot be proven. Works on the
 * file alone, as a stream: `coffer audit verify FILE` needs no server and little memory.
 *
 * What it can know: within each chain (one writer: a device in a process) order and content of every line up to the last checkpoint
 * whose signature is valid. Not: the order of lines of different chains among each other, and what followed the last checkpoint.
 */
import type { KeyObject } from 'node:crypto'
import { auditKeyId, batchLinesMax, hashLine } from './chain.ts'
import { ChainCheck, type Finding, type LinkedLine } from './verify-chain.ts'
import { parseLine, splitLines, type AuditKeys, type Checkpoint, type RawLine } from './verify-line.ts'

export interface VerifyOptions {
  /** Ed25519 public keys of all that signed this log. Without any, the chains are followed, but prove nothing against whoever wrote them anew. */
  readonly publicKeys: readonly KeyObject[]
  /** Lines were wrapped by a syslog daemon: what stands before the JSON is left out. */
  readonly isWrapped?: boolean
}

/** Lines that nothing vouches for. */
export interface Unproven {
  readonly from: number
  readonly to: number
  readonly text: string
}

export interface AuditReport {
  /** Nothing is wrong. What is unproven may still have been tampered with. */
  readonly isIntact: boolean
  readonly isSigned: boolean
  readonly lines: number
  readonly bytes: number
  readonly chains: number
  readonly checkpoints: number
  /** Sorted by line: the first one is the first line that is wrong. */
  readonly findings: readonly Finding[]
  readonly unproven: readonly Unproven[]
  /** What a reader should know: where earlier logs are needed, entries that could not be recorded. */
  readonly notes: readonly string[]
}

/** Reads a log, cut into chunks in any way. Throws only what reading throws. */
export async function verifyAudit(chunks: AsyncIterable<Uint8Array>, options: VerifyOptions): Promise<AuditReport> {
  const log = new LogCheck(options)
  for await (const lines of splitLines(chunks)) for (const line of lines) log.add(line)
  return log.finish()
}

/** Bytes that belong to no chain. */
interface Stray {
  readonly line: number
  readonly end: number
  readonly bytes: number
  readonly hash: string
}

const straysMax = 1000
const findingsMax = 100

class LogCheck {
  readonly #keys: AuditKeys
  readonly #isWrapped: boolean
  readonly #chains = new Map<string, ChainCheck>()
  readonly #findings: Finding[] = []
  readonly #notes: string[] = []
  readonly #unproven: Unproven[] = []
  readonly #strays: Stray[] = []
  readonly #claimed = new Set<string>()
  readonly #unknownKeys = new Set<string>()
  /** The last line of each chain, for the case that something was written into it from the front. */
  readonly #lastBytes = new Map<string, Buffer>()
  #lines = 0
  #bytes = 0
  #checkpoints = 0
  /** How long the file was when the first chain began. */
  #firstSize: number | null = null
  #cut: number | null = null

  constructor({ publicKeys, isWrapped = false }: VerifyOptions) {
    this.#keys = new Map(publicKeys.map((key) => [auditKeyId(key), key]))
    this.#isWrapped = isWrapped
  }

  add({ bytes: raw, offset, isWhole }: RawLine): void {
    this.#lines++
    this.#bytes = offset + raw.length + (isWhole ? 1 : 0)
    if (raw.length === 0) return
    const bytes = this.#isWrapped ? unwrap(raw) : raw
    const line = parseLine(bytes, this.#lines, offset, this.#keys)
    if (!isWhole && line.link === null) this.#cut = line.number
    else if (line.link === null) this.#addStray({ line: line.number, end: offset + raw.length, bytes: line.bytes, hash: line.hash })
    else this.#addLinked({ ...line, link: line.link }, bytes)
  }

  #addStray(stray: Stray): void {
    if (this.#strays.length < straysMax) this.#strays.push(stray)
    else if (this.#chains.size > 0) this.#report({ line: stray.line, kind: 'added', text: `line ${stray.line} belongs to no chain` })
  }

  #addLinked(line: LinkedLine, bytes: Buffer): void {
    const { id } = line.link
    const known = this.#chains.get(id)
    if (known === undefined) this.#chains.set(id, new ChainCheck(line))
    else known.add(line, (before, wanted) => this.#isGlued(id, before.line, wanted))
    this.#lastBytes.set(id, bytes)
    if (line.checkpoint !== null) this.#addCheckpoint(line, line.checkpoint)
  }

  /** Whether the last line of a chain is whole after a piece that a broken write of another process left before it. */
  #isGlued(id: string, line: number, wanted: string): boolean {
    const bytes = this.#lastBytes.get(id)
    if (bytes === undefined) return false
    for (let at = bytes.indexOf('{"time":"', 1); at >= 0; at = bytes.indexOf('{"time":"', at + 1)) {
      if (hashLine(bytes.subarray(at)) !== wanted) continue
      this.#addStray({ line, end: Infinity, bytes: at, hash: hashLine(bytes.subarray(0, at)) })
      return true
    }
    return false
  }

  #addCheckpoint(line: LinkedLine, checkpoint: Checkpoint): void {
    this.#checkpoints++
    if (checkpoint.missed > 0) this.#notes.push(`line ${line.number}: ${checkpoint.missed} entries before it could not be recorded by this device in time`)
    this.#checkSigner(line, checkpoint)
    if (checkpoint.signature === 'invalid' || (checkpoint.signature === 'unknown' && this.#keys.size > 0)) return
    this.#firstSize ??= checkpoint.size
    if (!this.#isWrapped && line.offset < checkpoint.size) {
      this.#report({ line: line.number, kind: 'removed', text: `at least ${checkpoint.size - line.offset} bytes were removed before line ${line.number}` })
    }
    for (const piece of checkpoint.torn) this.#claimed.add(`${piece.bytes}:${piece.hash}`)
    for (const end of checkpoint.previous) this.#checkPrevious(line, end.id, end.seq, end.hash)
  }

  #checkSigner(line: LinkedLine, { signature, keyId }: Checkpoint): void {
    if (this.#keys.size === 0) return
    if (signature === 'unsigned') this.#report({ line: line.number, kind: 'changed', text: `the checkpoint in line ${line.number} has no signature` })
    if (signature !== 'unknown' || this.#unknownKeys.has(keyId)) return
    this.#unknownKeys.add(keyId)
    this.#report({ line: line.number, kind: 'unknown key', text: `line ${line.number} is signed with key ${JSON.stringify(keyId)}, which was not given` })
  }

  /** The start of a chain names how another one ended. */
  #checkPrevious(line: LinkedLine, id: string, seq: number, hash: string): void {
    const chain = this.#chains.get(id)
    if (chain === undefined) {
      this.#notes.push(`line ${line.number} continues chain ${id}, whose lines (up to number ${seq}) are not in this log`)
    } else if (chain.last.seq < seq) {
      this.#report({ line: line.number, kind: 'removed', text: `${seq - chain.last.seq} lines were removed between line ${chain.last.line} and line ${line.number}` })
    } else {
      const named = chain.find(seq)
      if (named === null) return
      if (named.hash !== hash) this.#report({ line: named.line, kind: 'changed', text: `line ${named.line} was changed` })
      else if (line.checkpoint?.signature === 'valid') chain.provenLine = Math.max(chain.provenLine, named.line)
    }
  }

  finish(): AuditReport {
    for (const chain of this.#chains.values()) this.#finishChain(chain)
    const chains = [...this.#chains.values()]
    for (const stray of this.#strays) this.#judgeStray(stray, chains)
    for (const chain of chains) {
      chain.finish()
      for (const finding of chain.findings) this.#report(finding)
    }
    if (this.#cut !== null) this.#unproven.push({ from: this.#cut, to: this.#cut, text: 'the last line is not whole: cut off, or still being written' })
    if (this.#keys.size === 0 && this.#lines > 0) this.#notes.push('no public key was given: the chains fit, but whoever could write the file could have made them anew')
    const findings = this.#findings.sort((a, b) => a.line - b.line).slice(0, findingsMax)
    return {
      isIntact: findings.length === 0,
      isSigned: this.#keys.size > 0,
      lines: this.#lines,
      bytes: this.#bytes,
      chains: this.#chains.size,
      checkpoints: this.#checkpoints,
      findings,
      unproven: this.#unproven.sort((a, b) => a.from - b.from),
      notes: this.#notes.slice(0, findingsMax),
    }
  }

  #finishChain(chain: ChainCheck): void {
    if (chain.isHeadless && chain.lines === 1) {
      // One line with a name of its own is a line whose link was changed, rather than a chain.
      this.#chains.delete(chain.id)
      this.#strays.push({ line: chain.firstLine, end: Infinity, bytes: 0, hash: '' })
      return
    }
    if (chain.isHeadless) this.#report({ line: chain.firstLine, kind: 'removed', text: `lines of chain ${chain.id} before line ${chain.firstLine} were removed` })
    if (this.#keys.size === 0) return
    if (chain.every > 0 && chain.sinceCheckpoint > chain.every + batchLinesMax) {
      this.#report({ line: chain.last.line, kind: 'removed', text: `checkpoints were removed: ${chain.sinceCheckpoint} lines of chain ${chain.id} up to line ${chain.last.line} have none` })
    }
    if (chain.provenLine < chain.last.line) {
      const since = chain.provenLine === 0 ? 'has no checkpoint with a valid signature' : `has no checkpoint after line ${chain.provenLine}`
      const text = `chain ${chain.id} ${since}: what follows may have been changed, and lines may have been added or cut off`
      this.#unproven.push({ from: chain.provenLine === 0 ? chain.firstLine : chain.provenLine + 1, to: chain.last.line, text })
    } else if (!chain.isEnded) {
      this.#unproven.push({ from: chain.last.line, to: chain.last.line, text: `chain ${chain.id} does not say that it ends here: lines after line ${chain.last.line} may have been cut off` })
    }
  }

  /** A line of no chain is a piece that a writer owns up to, or older than all chains, or a line that was changed, or added. */
  #judgeStray(stray: Stray, chains: readonly ChainCheck[]): void {
    if (this.#claimed.has(`${stray.bytes}:${stray.hash}`)) return
    if (stray.end < (this.#firstSize ?? 0)) {
      const last = this.#unproven.at(-1)
      if (last?.text === olderText && last.to === stray.line - 1) this.#unproven[this.#unproven.length - 1] = { ...last, to: stray.line }
      else this.#unproven.push({ from: stray.line, to: stray.line, text: olderText })
      return
    }
    const gap = chains.flatMap(({ gaps }) => gaps).find(({ after, noticed, from, to }) => after < stray.line && stray.line < noticed && from <= to)
    if (gap !== undefined) gap.from++
    const text = gap === undefined ? `line ${stray.line} was added: it belongs to no chain` : `line ${stray.line} was changed so that it belongs to no chain`
    this.#report({ line: stray.line, kind: gap === undefined ? 'added' : 'changed', text })
  }

  #report(finding: Finding): void {
    if (this.#findings.length < findingsMax * 10) this.#findings.push(finding)
  }
}

const olderText = 'older than the chains in this log: nothing vouches for it'

/** What a syslog daemon puts before a line ends where our JSON begins. */
function unwrap(line: Buffer): Buffer {
  const start = line.indexOf('{"time":"')
  return start > 0 ? line.subarray(start) : line
}

/** The report in plain lines, the verdict first. */
export function describeReport(report: AuditReport): readonly string[] {
  const first = report.findings[0]
  const size = `${report.lines} lines, ${report.chains} chains, ${report.checkpoints} checkpoints`
  const verdict = first !== undefined
    ? `NOT INTACT: ${first.text} (${size})`
    : `${report.isSigned ? 'intact' : 'chains fit, signatures were not checked'}: ${size}`
  const others = report.findings.slice(1).map(({ text }) => `also: ${text}`)
  const unproven = report.unproven.map(({ from, to, text }) => `not proven: ${from === to ? `line ${from}` : `lines ${from} to ${to}`}: ${text}`)
  return [verdict, ...others, ...unproven, ...report.notes.map((note) => `note: ${note}`)]
}
