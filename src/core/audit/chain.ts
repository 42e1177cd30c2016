/**
 * Makes a log prove itself. Every writer (one device in one process) chains its own lines: each names its place and the SHA-256 of the
 * line before. Checkpoints, signed with Ed25519, fix the chain from time to time, at its start and at its end. Writers share a file
 * without knowing of each other: there is no queue through which all lines pass. `verify.ts` reads what is written here.
 */
import { createHash, createPublicKey, hash, sign, type Hash, type KeyObject } from 'node:crypto'
import { nextTurn } from '../../kit/turns.ts'
import type { ChainEnd, Line, Torn } from './devices/device.ts'
import { quote, type LongJson } from './leaves.ts'

/** Signs checkpoints. Made by `auditSigner`. */
export interface AuditSigner {
  readonly keyId: string
  readonly key: KeyObject
}

/** First 16 hexadecimal digits of the SHA-256 of the public key (SPKI, DER). `key` may be either half of the pair. */
export function auditKeyId(key: KeyObject): string {
  const spki = (key.type === 'private' ? createPublicKey(key) : key).export({ type: 'spki', format: 'der' })
  return hash('sha256', spki).slice(0, 16)
}

/** Throws a `TypeError` when `key` is not an Ed25519 private key. */
export function auditSigner(key: KeyObject): AuditSigner {
  if (key.type !== 'private' || key.asymmetricKeyType !== 'ed25519') throw new TypeError('audit checkpoints are signed with an Ed25519 key')
  return Object.freeze({ keyId: auditKeyId(key), key })
}

/** What the hash of a line covers: all its bytes, the prefix included, without the line feed. */
export const hashLine = (line: string | Buffer): string => hash('sha256', line, 'hex')

/** The beginning of a line that is too long to be hashed in one turn. */
export interface LongBody {
  /** Prefix and body. */
  readonly bytes: readonly Uint8Array[]
  readonly size: number
  /** Of these bytes; to be copied. */
  readonly hash: Hash
}

/** Bytes that are hashed in one turn. */
const hashedAtOnce = 1024 * 1024

/** What a chain makes a line of; what is long is hashed in turns. */
export async function bodyOf(prefix: string, made: string | LongJson): Promise<string | LongBody> {
  if (typeof made === 'string') return made
  const bytes = [Buffer.from(prefix), ...made]
  const begun = createHash('sha256')
  let [size, next] = [0, hashedAtOnce]
  for (const piece of bytes) {
    begun.update(piece)
    size += piece.length
    if (size < next) continue
    next = size + hashedAtOnce
    await nextTurn()
  }
  return { bytes, size, hash: begun }
}

/** Characters or bytes. */
export const sizeOf = (body: string | LongBody): number => (typeof body === 'string' ? body.length : body.size)

/** Prepended to what is signed, so that the signature means nothing anywhere else. The signed text is the line up to `,"signature":`. */
export const signatureContext = 'coffer audit checkpoint 1\n'

/** `interval`: after so many lines or seconds. `end`: nothing follows in this chain. */
export type CheckpointReason = 'start' | 'interval' | 'end'

/** What a start says about what came before. */
export interface ChainStart {
  /** Ends of earlier chains: the writer's own, and those that stood at the end of the file. */
  readonly previous: readonly ChainEnd[]
  /** Pieces of lines that broken writes left behind. */
  readonly torn: readonly Torn[]
}

/** What every checkpoint tells. */
export interface CheckpointFacts {
  /** Milliseconds since 1970. */
  readonly time: number
  /** How long the file is at least, null where there is none. Bytes that are missing before this line show by it. */
  readonly size: number | null
  /** Entries that this writer could not record since its last checkpoint. */
  readonly missed: number
}

export interface ChainOptions {
  readonly id: string
  readonly prefix: string
  /** Null: the chain is not signed, and proves little. */
  readonly signer: AuditSigner | null
  /** Announced in the start, so that a missing checkpoint is noticed. */
  readonly everyLines: number
}

/** At most so many lines are made between two looks at `isCheckpointDue`. */
export const batchLinesMax = 1000

/** One chain of one writer. Lines are to be written in the order in which they were made, and all of them; otherwise start a new one. */
export class Chain {
  readonly #options: ChainOptions
  #seq = 0
  #prev = ''
  #sinceCheckpoint = 0

  constructor(options: ChainOptions) {
    this.#options = options
  }

  /** Where the chain stands, or null before its first line. */
  get end(): ChainEnd | null {
    return this.#seq === 0 ? null : { id: this.#options.id, seq: this.#seq - 1, hash: this.#prev }
  }

  /** Lines since the last checkpoint. */
  get sinceCheckpoint(): number {
    return this.#sinceCheckpoint
  }

  get isCheckpointDue(): boolean {
    return this.#sinceCheckpoint >= this.#options.everyLines
  }

  /** A whole line, with line feed. `body`: a JSON object without its closing bracket. */
  line(body: string): string {
    const line = `${this.#options.prefix}${body},"chain":${this.#link()}}`
    this.#sinceCheckpoint++
    return this.#close(line)
  }

  longLine({ bytes, hash: begun }: LongBody): Line {
    const end = `,"chain":${this.#link()}}`
    this.#sinceCheckpoint++
    this.#follow(begun.copy().update(end).digest('hex'))
    return [...bytes, Buffer.from(`${end}\n`)]
  }

  /** The first line of a chain. */
  start(facts: CheckpointFacts, { previous, torn }: ChainStart): string {
    const more = `,"every":${this.#options.everyLines}` +
      (previous.length === 0 ? '' : `,"previous":${JSON.stringify(previous)}`) +
      (torn.length === 0 ? '' : `,"torn":${JSON.stringify(torn)}`)
    return this.#checkpoint('start', facts, more)
  }

  checkpoint(reason: Exclude<CheckpointReason, 'start'>, facts: CheckpointFacts): string {
    return this.#checkpoint(reason, facts, '')
  }

  #checkpoint(reason: CheckpointReason, { time, size, missed }: CheckpointFacts, more: string): string {
    const { prefix, signer } = this.#options
    const keyId = signer === null ? '' : `,"key_id":${quote(signer.keyId)}`
    const about = `{"reason":"${reason}"${keyId}${size === null ? '' : `,"size":${size}`}${missed === 0 ? '' : `,"missed":${missed}`}${more}}`
    const text = `${prefix}{"time":"${new Date(time).toISOString()}","type":"checkpoint","checkpoint":${about},"chain":${this.#link()}`
    this.#sinceCheckpoint = 0
    return this.#close(signer === null ? `${text}}` : `${text},"signature":"${signText(signer, text)}"}`)
  }

  #link(): string {
    return `{"id":"${this.#options.id}","seq":${this.#seq},"prev":"${this.#prev}"}`
  }

  #close(line: string): string {
    this.#follow(hashLine(line))
    return `${line}\n`
  }

  #follow(hashed: string): void {
    this.#seq++
    this.#prev = hashed
  }
}

const signText = (signer: AuditSigner, text: string): string => sign(null, Buffer.from(signatureContext + text), signer.key).toString('base64')
