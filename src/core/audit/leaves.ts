/**
 * Renders the data of a request or answer for the log: every text becomes its HMAC, everything else stays as Vault leaves it. One walk,
 * nothing is copied first. Binary data is never written, whatever the options say (CVE-2025-62513, CVE-2025-62705).
 */
import { createHmac } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { hmacOf } from '../../crypto/hmac.ts'
import { JsonNumber, JsonText, parseJson } from '../../kit/json.ts'

/** Replaces texts and bytes by what may be written. All results are JSON, quotes included. */
export interface Concealer {
  readonly text: (value: string) => string
  readonly bytes: (value: Uint8Array) => string
  /** As `text`, with pauses: for what takes longer than others should wait. */
  readonly longText: (value: string) => Promise<string>
}

/** A text that was put together is a tree of its parts until somebody looks into it. What is used again should be one piece. */
export function flat(text: string): string {
  text.charCodeAt(0)
  return text
}

/** One text in JSON. */
export const quote = (text: string): string => JSON.stringify(text)

/** In bytes, so that no pair of surrogates is parted. A MiB takes one or two milliseconds. */
async function hashInPieces(salt: Uint8Array, value: string): Promise<string> {
  const [mac, bytes] = [createHmac('sha256', salt), Buffer.from(value)]
  for (let from = 0; from < bytes.length; from += pieceBytes) {
    mac.update(bytes.subarray(from, from + pieceBytes))
    await nextTurn()
  }
  return `hmac-sha256:${mac.digest('hex')}`
}

const pieceBytes = 2 ** 20

/** `hmac-sha256:<hex>` of a text, as `sys/audit-hash` answers it. */
export const hashText = (salt: Uint8Array, text: string): string => `hmac-sha256:${hmacOf(salt)(text)}`

/** `isRaw` (the option `log_raw`) leaves texts as they are; bytes are hashed all the same. */
export function concealer(salt: Uint8Array, isRaw: boolean): Concealer {
  const hmac = hmacOf(salt)
  const hashed = (value: string | Uint8Array): string => `"hmac-sha256:${hmac(value)}"`
  return {
    text: isRaw ? quote : hashed,
    bytes: hashed,
    longText: async (value) => (isRaw ? quote(value) : `"${await hashInPieces(salt, value)}"`),
  }
}

/** Above so many texts, or texts as long, the walk goes on in slices, so that other requests are served meanwhile: about 3 ms of work. */
const textsAtOnce = 2000
const textsPerSlice = 500
/** Characters that take as long as one more text. */
const charactersPerText = 1024
const longCharacters = 2 ** 20
const tooMany = Symbol('too many texts for one turn')

interface Walk {
  readonly conceal: Concealer
  /** Keys whose texts stay plain; the nearest key above a text counts. */
  readonly plain: readonly string[]
  readonly memo: DataMemo
  /** Texts that may still be hashed in this turn. */
  budget: number
  /** Whether everything seen since this was last set is frozen, so that its rendered form can be remembered. */
  isFixed: boolean
}

interface Remembered {
  readonly plain: readonly string[]
  readonly rendered: string
}

/** Rendered forms by identity of deeply frozen objects; for one device, whose salt is in them. They go when the objects go. */
export type DataMemo = WeakMap<object, Remembered>

const noKeys: readonly string[] = []

/** The JSON of `data` for one device; a promise when there is too much for one turn of the event loop. */
export function renderData(data: unknown, conceal: Concealer, plain: readonly string[] = noKeys, memo: DataMemo = new WeakMap()): string | Promise<string> {
  const walk: Walk = { conceal, plain, memo, budget: textsAtOnce, isFixed: true }
  try {
    return renderKnown(walk, data, '', 2)
  } catch (error) {
    if (error !== tooMany) throw error
    return renderSliced({ ...walk, budget: Infinity }, data, '', { left: textsPerSlice })
  }
}

/** Renders through the memo. Looks there for the outermost objects only: that is where decoded records and answers are shared. */
function renderKnown(walk: Walk, value: unknown, key: string, levels: number): string {
  if (levels === 0 || typeof value !== 'object' || value === null || !(value instanceof JsonText || Object.isFrozen(value))) {
    return isPlainObject(value) ? renderObject(walk, value, levels) : renderValue(walk, value, key)
  }
  const known = walk.memo.get(value)
  if (known !== undefined && known.plain === walk.plain) return known.rendered
  const outer = walk.isFixed
  walk.isFixed = true
  const rendered = flat(isPlainObject(value) ? renderObject(walk, value, levels) : renderValue(walk, value, key))
  if (walk.isFixed) walk.memo.set(value, { plain: walk.plain, rendered })
  walk.isFixed &&= outer
  return rendered
}

const isPlainObject = (value: unknown): value is Record<string, unknown> => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

function renderObject(walk: Walk, value: Record<string, unknown>, levels = 0): string {
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

/** As `JSON.stringify` has it. */
const isLeftOut = (value: unknown): boolean => value === undefined || typeof value === 'function' || typeof value === 'symbol'

/** `key` is the nearest one above the value. */
function renderValue(walk: Walk, value: unknown, key: string): string {
  if (typeof value === 'string') return renderText(walk, value, key)
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

/** The same walk with pauses. Slower, so only for data that is too large for one turn. */
async function renderSliced(walk: Walk, value: unknown, key: string, slice: { left: number }): Promise<string> {
  if (--slice.left < 0) {
    slice.left = textsPerSlice
    await nextTurn()
  }
  if (typeof value === 'string' && value.length > longCharacters && !walk.plain.includes(key)) return await walk.conceal.longText(value)
  if (value instanceof JsonText) {
    const known = walk.memo.get(value)
    const rendered = known?.plain === walk.plain ? known.rendered : flat(await renderSliced(walk, parseJson(value.text, unlimited), key, slice))
    walk.memo.set(value, { plain: walk.plain, rendered })
    return rendered
  }
  if (!Array.isArray(value) && !isPlainObject(value)) return renderValue(walk, value, key)
  const parts: string[] = []
  if (Array.isArray(value)) for (const item of value) parts.push(await renderSliced(walk, item, key, slice))
  else {
    for (const name of Object.keys(value)) {
      if (!isLeftOut(value[name])) parts.push(`${quote(name)}:${await renderSliced(walk, value[name], name, slice)}`)
    }
  }
  return Array.isArray(value) ? `[${parts.join(',')}]` : `{${parts.join(',')}}`
}
