/** Reads one line of an audit log as far as proving it needs: its place in a chain, its hash, and what a checkpoint says. */
import { verify, type KeyObject } from 'node:crypto'
import { parseJson } from '../../kit/json.ts'
import { hashLine, signatureContext, type CheckpointReason } from './chain.ts'
import { chainSuffix, suffixBytes } from './devices/tail.ts'
import type { ChainEnd, Torn } from './devices/device.ts'

export interface LogLine {
  /** Counted from 1. */
  readonly number: number
  /** Of its first byte in the whole input. */
  readonly offset: number
  readonly hash: string
  readonly bytes: number
  /** Null: no line of ours, or one that was damaged. */
  readonly link: Link | null
  readonly checkpoint: Checkpoint | null
}

export interface Link {
  readonly id: string
  readonly seq: number
  readonly prev: string
}

export interface Checkpoint {
  readonly reason: CheckpointReason
  readonly keyId: string
  readonly size: number
  readonly every: number
  readonly missed: number
  readonly previous: readonly ChainEnd[]
  readonly torn: readonly Torn[]
  /** `unsigned`: it has no signature. `unknown`: no key was given, or not the one that it names. */
  readonly signature: 'valid' | 'invalid' | 'unknown' | 'unsigned'
}

/** Public keys by their ids (`auditKeyId`). */
export type AuditKeys = ReadonlyMap<string, KeyObject>

/** `whole`: what is taken for a line is that, without what a syslog daemon put before it. */
export function parseLine(line: Buffer, number: number, offset: number, keys: AuditKeys): LogLine {
  const match = chainSuffix.exec(line.toString('latin1', Math.max(0, line.length - suffixBytes)))
  const known = { number, offset, hash: hashLine(line), bytes: line.length }
  if (match === null || line.indexOf(openingBracket) < 0) return { ...known, link: null, checkpoint: null }
  const [suffix, id = '', seq = '', prev = '', signature] = match
  const link = { id, seq: Number(seq), prev }
  if (signature === undefined && !isCheckpoint(line)) return { ...known, link, checkpoint: null }
  const checkpoint = parseCheckpoint(line, line.length - suffix.length, signature, keys)
  return checkpoint === null ? { ...known, link: null, checkpoint } : { ...known, link, checkpoint }
}

const openingBracket = 123
const headBytes = 200

const isCheckpoint = (line: Buffer): boolean => /^[^{]{0,64}\{"time":"[^"]{0,40}","type":"checkpoint",/.test(line.toString('latin1', 0, headBytes))

/** Null when it is none after all. */
function parseCheckpoint(line: Buffer, suffixStart: number, signature: string | undefined, keys: AuditKeys): Checkpoint | null {
  const about = readAbout(line.toString('utf8', line.indexOf(openingBracket), suffixStart))
  if (about === null) return null
  return { ...about, signature: signature === undefined ? 'unsigned' : checkSignature(line, signature, keys.get(about.keyId)) }
}

/** The signature covers the line up to `,"signature":`. */
function checkSignature(line: Buffer, signature: string, key: KeyObject | undefined): Checkpoint['signature'] {
  if (key === undefined) return 'unknown'
  const end = line.length - signature.length - ',"signature":""}'.length
  const signed = Buffer.concat([Buffer.from(signatureContext), line.subarray(0, end)])
  return verify(null, signed, key, Buffer.from(signature, 'base64')) ? 'valid' : 'invalid'
}

function readAbout(json: string): Omit<Checkpoint, 'signature'> | null {
  let parsed: unknown
  try {
    parsed = parseJson(`${json}}`)
  } catch {
    return null
  }
  const line = asObject(parsed)
  const about = asObject(line['checkpoint'])
  const reason = about['reason']
  if (line['type'] !== 'checkpoint' || (reason !== 'start' && reason !== 'interval' && reason !== 'end')) return null
  return {
    reason,
    keyId: typeof about['key_id'] === 'string' ? about['key_id'] : '',
    size: asNumber(about['size']),
    every: asNumber(about['every']),
    missed: asNumber(about['missed']),
    previous: asList(about['previous']).map((end) => ({ id: asText(end['id']), seq: asNumber(end['seq']), hash: asText(end['hash']) })),
    torn: asList(about['torn']).map((piece) => ({ bytes: asNumber(piece['bytes']), hash: asText(piece['hash']) })),
  }
}

const asObject = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Readonly<Record<string, unknown>>) : {}
const asList = (value: unknown): readonly Readonly<Record<string, unknown>>[] => (Array.isArray(value) ? value.map(asObject) : [])
const asNumber = (value: unknown): number => (typeof value === 'number' ? value : 0)
const asText = (value: unknown): string => (typeof value === 'string' ? value : '')

const lineFeed = 10

export interface RawLine {
  readonly bytes: Buffer
  readonly offset: number
  /** False for the last piece of an input that does not end in a line feed. */
  readonly isWhole: boolean
}

/** Cuts a stream of bytes into lines, a chunk's worth at a time. */
export async function* splitLines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<RawLine[]> {
  let rest: Buffer[] = []
  let offset = 0
  for await (const chunk of chunks) {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    const lines: RawLine[] = []
    let start = 0
    for (let feed = bytes.indexOf(lineFeed); feed >= 0; feed = bytes.indexOf(lineFeed, start)) {
      const piece = bytes.subarray(start, feed)
      const line = rest.length === 0 ? piece : Buffer.concat([...rest, piece])
      rest = []
      lines.push({ bytes: line, offset, isWhole: true })
      offset += line.length + 1
      start = feed + 1
    }
    if (start < bytes.length) rest.push(Buffer.from(bytes.subarray(start)))
    if (lines.length > 0) yield lines
  }
  if (rest.length > 0) yield [{ bytes: Buffer.concat(rest), offset, isWhole: false }]
}
