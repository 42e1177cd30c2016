/** Writes a value of many megabytes as JSON in steps that take some milliseconds each: lists and objects of any depth, texts of any length. */
import { encodeJson, JsonNumber, JsonText, type Json, type JsonObject } from './json.ts'
import { hasManyKeys, keysOf, longJsonText } from './json-steps.ts'
import { nextTurn } from './turns.ts'

/** Bytes are text of JSON already. */
export type JsonPiece = string | Uint8Array

/** How what stands in lists and objects is written. `key` is the nearest one above it. */
export interface PieceWriter {
  /** A text that is not long. */
  readonly text: (value: string, key: string) => string
  readonly longText: (value: string, key: string) => Iterable<JsonPiece>
  /** What is neither a text, a number, true, false, null, a list nor a plain object. */
  readonly other: (value: unknown, key: string) => Iterable<JsonPiece>
  /** Texts that are written in one step. */
  readonly textsAtOnce: number
}

/** From how many characters on a text is long; so many of it, or of what is put together, are one piece. */
const longText = 256 * 1024

interface Output {
  text: string
  /** What may still be written in this step, counted in texts. */
  left: number
}

/** The JSON of a value, as `JSON.stringify` leaves out what is nothing. An empty piece is a pause. */
export function* pieces(value: unknown, writer: PieceWriter, key = ''): Generator<JsonPiece> {
  const out: Output = { text: '', left: writer.textsAtOnce }
  yield* write(out, value, key, writer)
  if (out.text !== '') yield out.text
}

export const isPlainObject = (value: unknown): value is Readonly<Record<string, unknown>> => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

/** As `JSON.stringify` has it, in objects. */
export const isLeftOut = (value: unknown): boolean => value === undefined || typeof value === 'function' || typeof value === 'symbol'

function* write(out: Output, value: unknown, key: string, writer: PieceWriter): Generator<JsonPiece> {
  if (Array.isArray(value)) yield* writeList(out, value, key, writer)
  else if (isPlainObject(value)) yield* writeObject(out, value, writer)
  else yield* writePieces(out, typeof value === 'string' ? writer.longText(value, key) : writer.other(value, key), writer)
}

function* writePieces(out: Output, made: Iterable<JsonPiece>, writer: PieceWriter): Generator<JsonPiece> {
  for (const piece of made) {
    if (typeof piece === 'string') {
      out.text += piece
      out.left -= 1 + piece.length / 128
      if (piece === '' || out.left <= 0) yield taken(out, writer)
    } else {
      yield taken(out, writer, 0)
      yield piece
    }
  }
}

function* writeList(out: Output, list: readonly unknown[], key: string, writer: PieceWriter): Generator<JsonPiece> {
  out.text += '['
  for (let i = 0; i < list.length; i++) {
    if (i > 0) out.text += ','
    if (!writeSmall(out, list[i], key, writer)) yield* write(out, list[i], key, writer)
    if (out.left <= 0) yield taken(out, writer)
  }
  out.text += ']'
}

function* writeObject(out: Output, object: Readonly<Record<string, unknown>>, writer: PieceWriter): Generator<JsonPiece> {
  let isFirst = true
  out.text += '{'
  for (const key of keysOf(object)) {
    const value = object[key]
    if (isLeftOut(value)) continue
    out.text += `${isFirst ? '' : ','}${JSON.stringify(key)}:`
    isFirst = false
    if (!writeSmall(out, value, key, writer)) yield* write(out, value, key, writer)
    if (out.left <= 0) yield taken(out, writer)
  }
  out.text += '}'
}

/** False for what may take more than one step. */
function writeSmall(out: Output, value: unknown, key: string, writer: PieceWriter): boolean {
  out.left -= typeof value === 'string' ? 1 + value.length / 1024 : 0.25
  if (typeof value === 'string') {
    if (value.length >= longText) return false
    out.text += writer.text(value, key)
  } else if (typeof value === 'number') out.text += Number.isFinite(value) ? String(value) : 'null'
  else if (typeof value === 'boolean') out.text += String(value)
  else if (value === null || isLeftOut(value)) out.text += 'null'
  else if (value instanceof JsonNumber) out.text += value.text
  else return false
  return true
}

/** Begins a new step. What there is so far is given out when it is long enough for a piece, so that few pieces are made. */
function taken(out: Output, { textsAtOnce }: PieceWriter, enough = longText): string {
  out.left = textsAtOnce
  const { text } = out
  if (text.length < enough) return ''
  out.text = ''
  return text
}

/** Parts of a text, none of which ends within a pair of surrogates. */
export function* partsOf(text: string, length = longText): Generator<string> {
  for (let from = 0, to = 0; from < text.length; from = to) {
    to = Math.min(from + length, text.length)
    if ((text.charCodeAt(to - 1) & 0xfc00) === 0xd800 && (text.charCodeAt(to) & 0xfc00) === 0xdc00) to++
    yield text.slice(from, to)
  }
}

/** A long text in quotes. */
export function* quotedPieces(text: string): Generator<string> {
  yield '"'
  for (const part of partsOf(text)) yield JSON.stringify(part).slice(1, -1)
  yield '"'
}

const plain: PieceWriter = {
  text: (value) => JSON.stringify(value),
  longText: quotedPieces,
  other: (value) => [encodeJson(value)],
  textsAtOnce: 4000,
}

/** What `encodeJson` writes. */
export const encodePieces = (value: unknown): Generator<JsonPiece> => pieces(value, plain)

const encoder = new TextEncoder()

/** `head` and what `encodeJson` writes, in bytes; a promise when that takes longer than others should wait. */
export function encodeBytes(head: string, value: Json): Uint8Array | Promise<Uint8Array> {
  return left(value, longJsonText) < 0 ? encodeInTurns(head, value) : encoder.encode(head + encodeJson(value))
}

async function encodeInTurns(head: string, value: Json): Promise<Uint8Array> {
  const made: Uint8Array[] = [encoder.encode(head)]
  let size = head.length
  for (const piece of encodePieces(value)) {
    const bytes = typeof piece === 'string' ? encoder.encode(piece) : piece
    made.push(bytes)
    size += bytes.length
    await nextTurn()
  }
  const whole = new Uint8Array(size)
  let at = 0
  for (const bytes of made) {
    whole.set(bytes, at)
    at += bytes.length
  }
  return whole
}

/** What a value takes besides its texts, in characters that take as long. */
const valueCharacters = 16

/** What is left of so many characters when the value is written; negative, and not looked at any further, when they are not enough. */
function left(value: Json, characters: number): number {
  if (typeof value === 'string') return characters - valueCharacters - value.length
  if (value instanceof JsonText) return characters - value.text.length
  if (typeof value !== 'object' || value === null) return characters - valueCharacters
  if (hasManyKeys(value)) return -1
  let rest = characters - valueCharacters
  for (const key in value) if ((rest = left((value as JsonObject)[key] ?? null, rest - key.length)) < 0) break
  return rest
}
