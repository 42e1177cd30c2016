/**
 * Renders the data of a request or answer for the log: every text becomes its HMAC, everything else stays as Vault leaves it. One walk,
 * nothing is copied first. Binary data is never written, whatever the options say (CVE-2025-62513, CVE-2025-62705).
 */
import { createHmac } from 'node:crypto'
import { hmacOf } from '../../crypto/hmac.ts'
import { JsonNumber, JsonText, parseJson, type Json } from '../../kit/json.ts'
import { isLeftOut, isPlainObject, partsOf, pieces, quotedPieces, type JsonPiece, type PieceWriter } from '../../kit/json-pieces.ts'
import { hasManyKeys, longJsonText, parseSteps } from '../../kit/json-steps.ts'
import { nextTurn } from '../../kit/turns.ts'

/** Replaces texts and bytes by what may be written. All results are JSON, quotes included. */
export interface Concealer {
  readonly text: (value: string) => string
  readonly bytes: (value: Uint8Array) => string
  /** As `text`, with pauses (empty pieces): for what takes longer than others should wait. */
  readonly longText: (value: string) => Iterable<string>
}

/** JSON in bytes, of which no piece took long to make. */
export type LongJson = readonly Uint8Array[]

/** Fields of which the data, where the hole is, are in bytes. */
export interface Holed {
  readonly text: string
  readonly data: LongJson
}

/** A text that was put together is a tree of its parts until somebody looks into it. What is used again should be one piece. */
export function flat(text: string): string {
  text.charCodeAt(0)
  return text
}

/** One text in JSON. */
export const quote = (text: string): string => JSON.stringify(text)

function* hashSteps(salt: Uint8Array, value: string): Generator<string> {
  const mac = createHmac('sha256', salt)
  for (const part of partsOf(value)) {
    mac.update(part)
    yield ''
  }
  yield `"hmac-sha256:${mac.digest('hex')}"`
}

/** Makes `hmac-sha256:<hex>` of texts and bytes, as `sys/audit-hash` answers it. */
export function hasherOf(salt: Uint8Array): (value: string | Uint8Array) => string {
  const hmac = hmacOf(salt)
  return (value) => `hmac-sha256:${hmac(value)}`
}

/** `isRaw` (the option `log_raw`) leaves texts as they are; bytes are hashed all the same. */
export function concealer(salt: Uint8Array, isRaw: boolean): Concealer {
  const hash = hasherOf(salt)
  const hashed = (value: string | Uint8Array): string => `"${hash(value)}"`
  return {
    text: isRaw ? quote : hashed,
    bytes: hashed,
    longText: (value) => (isRaw ? quotedPieces(value) : hashSteps(salt, value)),
  }
}

/** Above so many texts, or texts as long, the walk goes on in slices, so that other requests are served meanwhile: about 3 ms of work. */
const textsAtOnce = 2000
const textsPerSlice = 3000
/** Characters that take as long as one more text. */
const charactersPerText = 1024
/** What else there is, in texts. */
const otherValue = 1 / 16
const tooMany = Symbol('too many texts for one turn')

interface Walk {
  readonly conceal: Concealer
  /** Keys whose texts stay plain; the nearest key above a text counts. */
  readonly plain: readonly string[]
  readonly memo: DataMemo
  /** Texts, and what takes as long, that may still be rendered in this turn. */
  budget: number
  /** Whether everything seen since this was last set is frozen, so that its rendered form can be remembered. */
  isFixed: boolean
}

interface Remembered {
  readonly plain: readonly string[]
  readonly rendered: string | LongJson
}

/** Rendered forms by identity of deeply frozen objects; for one device, whose salt is in them. They go when the objects go. */
export type DataMemo = WeakMap<object, Remembered>

const noKeys: readonly string[] = []

/** The JSON of `data` for one device; a promise when there is too much for one turn of the event loop. */
export function renderData(data: unknown, conceal: Concealer, plain: readonly string[] = noKeys, memo: DataMemo = new WeakMap()): string | Promise<string | LongJson> {
  const walk: Walk = { conceal, plain, memo, budget: textsAtOnce, isFixed: true }
  try {
    return renderKnown(walk, data, '', 2)
  } catch (error) {
    if (error !== tooMany) throw error
    return renderLong({ ...walk, budget: Infinity }, data)
  }
}

/** The same walk with pauses: slower, so only for data that is too large for one turn. */
async function renderLong(walk: Walk, data: unknown): Promise<string | LongJson> {
  const made: Uint8Array[] = []
  for (const piece of pieces(data, writerOf(walk))) {
    if (piece.length > 0) made.push(bytesOf(piece))
    await nextTurn()
  }
  return shortened(made)
}

const bytesOf = (piece: JsonPiece): Uint8Array => (typeof piece === 'string' ? Buffer.from(piece) : piece)

/** What is short after all is a text, as if it had been rendered at once. */
const shortBytes = 64 * 1024
const shortened = (made: LongJson): string | LongJson => (made.reduce((sum, { length }) => sum + length, 0) > shortBytes ? made : Buffer.concat(made).toString())

/** Characters of a JSON text that is rendered in one step with others. */
const shortJsonText = 4 * 1024

function writerOf(walk: Walk): PieceWriter {
  const isShown = (key: string): boolean => walk.plain.includes(key)
  const writer: PieceWriter = {
    text: (value, key) => renderText(walk, value, key),
    longText: (value, key) => (isShown(key) ? quotedPieces(value) : walk.conceal.longText(value)),
    other: (value, key) => (value instanceof JsonText && value.text.length > shortJsonText ? jsonTextPieces(walk, value, key, writer) : [renderValue(walk, value, key)]),
    textsAtOnce: textsPerSlice,
  }
  return writer
}

function* jsonTextPieces(walk: Walk, value: JsonText, key: string, writer: PieceWriter): Generator<JsonPiece> {
  const known = walk.memo.get(value)
  if (known?.plain === walk.plain) return yield* typeof known.rendered === 'string' ? [known.rendered] : known.rendered
  const made: Uint8Array[] = []
  for (const piece of pieces(yield* parsePieces(value.text), writer, key)) {
    const bytes = bytesOf(piece)
    if (bytes.length > 0) made.push(bytes)
    yield bytes
  }
  walk.memo.set(value, { plain: walk.plain, rendered: shortened(made) })
}

function* parsePieces(text: string): Generator<string, Json> {
  for (const steps = parseSteps(text, unlimited); ; ) {
    const step = steps.next()
    if (step.done === true) return step.value
    yield ''
  }
}

/** Renders through the memo. Looks there for the outermost objects only: that is where decoded records and answers are shared. */
function renderKnown(walk: Walk, value: unknown, key: string, levels: number): string {
  if (levels === 0 || typeof value !== 'object' || value === null || !(value instanceof JsonText || Object.isFrozen(value))) {
    return isPlainObject(value) ? renderObject(walk, value, levels) : renderValue(walk, value, key)
  }
  const known = walk.memo.get(value)
  if (known !== undefined && known.plain === walk.plain) {
    if (typeof known.rendered !== 'string') throw tooMany
    return known.rendered
  }
  const outer = walk.isFixed
  walk.isFixed = true
  const rendered = flat(isPlainObject(value) ? renderObject(walk, value, levels) : renderValue(walk, value, key))
  if (walk.isFixed) walk.memo.set(value, { plain: walk.plain, rendered })
  walk.isFixed &&= outer
  return rendered
}

function renderObject(walk: Walk, value: Readonly<Record<string, unknown>>, levels = 0): string {
  if (hasManyKeys(value) && walk.budget < Infinity) throw tooMany
  if (walk.isFixed) walk.isFixed = Object.isFrozen(value)
  let json = ''
  for (const key of Object.keys(value)) {
    const child = value[key]
    if (isLeftOut(child)) continue
    const rendered = levels > 1 ? renderKnown(walk, child, key, levels - 1) : renderValue(walk, child, key)
    json += `${json === '' ? '' : ','}${quote(key)}:${rendered}`
  }
  return `{${json}}`
}

/** `key` is the nearest one above the value. */
function renderValue(walk: Walk, value: unknown, key: string): string {
  if (typeof value === 'string') return renderText(walk, value, key)
  if ((walk.budget -= otherValue) < 0) throw tooMany
  if (typeof value === 'number') return Number.isFinite(value) ? String(value) : 'null'
  if (typeof value === 'boolean' || typeof value === 'bigint') return String(value)
  if (value === null || typeof value !== 'object') return 'null'
  if (isPlainObject(value)) return renderObject(walk, value)
  if (Array.isArray(value)) return renderList(walk, value, key)
  return renderSpecial(walk, value, key)
}

function renderText(walk: Walk, value: string, key: string): string {
  if (walk.plain.length > 0 && walk.plain.includes(key)) return quote(value)
  walk.budget -= 1 + Math.floor(value.length / charactersPerText)
  if (walk.budget < 0) throw tooMany
  return walk.conceal.text(value)
}

function renderList(walk: Walk, value: readonly unknown[], key: string): string {
  if (walk.isFixed) walk.isFixed = Object.isFrozen(value)
  let json = ''
  for (let i = 0; i < value.length; i++) json += `${i === 0 ? '' : ','}${renderValue(walk, value[i], key)}`
  return `[${json}]`
}

function renderSpecial(walk: Walk, value: object, key: string): string {
  if (value instanceof JsonNumber) return value.text
  if (value instanceof JsonText) return renderJsonText(walk, value, key)
  walk.isFixed = false
  if (value instanceof ArrayBuffer) return walk.conceal.bytes(new Uint8Array(value))
  if (ArrayBuffer.isView(value)) return walk.conceal.bytes(new Uint8Array(value.buffer, value.byteOffset, value.byteLength))
  return renderValue(walk, plainForm(value), key)
}

/** Its text never changes, so it counts as frozen, although what it parses to is not. */
function renderJsonText(walk: Walk, value: JsonText, key: string): string {
  if (value.text.length > longJsonText && walk.budget < Infinity) throw tooMany
  const { isFixed } = walk
  const rendered = renderValue(walk, parseJson(value.text, unlimited), key)
  walk.isFixed = isFixed
  return rendered
}

/** What was stored was within limits when it came in. */
const unlimited = { depth: Infinity, strings: Infinity, values: Infinity }

/** The plain lists and objects that other objects stand for. */
function plainForm(value: object): unknown {
  if (value instanceof Map) return Object.fromEntries(value)
  if (value instanceof Set) return [...value]
  const toJson: unknown = (value as { readonly toJSON?: unknown }).toJSON
  return typeof toJson === 'function' ? toJson.call(value) : { ...value }
}
