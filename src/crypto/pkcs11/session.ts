/** A session with a token: its slot, logging in, finding keys, and the calls that give bytes back. */
import { TokenError } from './errors.ts'
import { layTemplate, words, type AttributeName, type Laid, type Template } from './layout.ts'
import type { KeyName, TokenSettings } from './messages.ts'
import { openNative, type FunctionName, type Native } from './native.ts'
import { alreadyLoggedIn, attributes, classes, codeName, flags, pinCodes, pinFlags, userKinds } from './numbers.ts'

const word = 8
const slotsMax = 1_024
/** CK_TOKEN_INFO: four texts, of which the label is the first, then flags. */
const tokenInfoBytes = 256
const labelBytes = 32
const flagsAt = 96
/** Of what a function gives back: more than the largest signature or key there is. */
const resultBytesMax = 64 * 1024

export interface Session {
  readonly native: Native
  readonly slot: bigint
  readonly handle: bigint
}

/** Throws `TokenError`. */
export async function openSession(settings: TokenSettings): Promise<Session> {
  const native = await openNative(settings.library)
  const slot = findSlot(native, settings)
  const handle = Buffer.alloc(word)
  native.call('C_OpenSession', slot, flags.serialSession | (settings.isReadOnly ? 0 : flags.readWriteSession), null, null, handle)
  const session = { native, slot, handle: handle.readBigUInt64LE() }
  logIn(session, settings.pin)
  return session
}

function findSlot(native: Native, { slot, label }: TokenSettings): bigint {
  const found = slotsOf(native)
  if (slot !== null) {
    const wanted = BigInt(slot)
    if (!found.includes(wanted)) throw new TokenError('away', `there is no token in slot ${slot}`)
    if (label !== null && labelOf(native, wanted) !== label) throw new TokenError('away', `the token in slot ${slot} does not have the label ${JSON.stringify(label)}`)
    return wanted
  }
  const fitting = found.filter((candidate) => labelOf(native, candidate) === label)
  const [only] = fitting
  if (only === undefined) throw new TokenError('away', `there is no token with the label ${JSON.stringify(label)}`)
  if (fitting.length > 1) throw new TokenError('refused', `several tokens have the label ${JSON.stringify(label)}: name the slot`)
  return only
}

/** Slots in which there is a token. */
function slotsOf(native: Native): bigint[] {
  const count = words(slotsMax)
  const list = Buffer.alloc(word * slotsMax)
  native.call('C_GetSlotList', 1, list, count)
  return Array.from({ length: Math.min(slotsMax, Number(count.readBigUInt64LE())) }, (_, i) => list.readBigUInt64LE(word * i))
}

function tokenInfo(native: Native, slot: bigint): Buffer | null {
  const info = Buffer.alloc(tokenInfoBytes)
  return native.code('C_GetTokenInfo', slot, info) === 0 ? info : null
}

/** Padded with blanks. Null: it cannot be asked. */
const labelOf = (native: Native, slot: bigint): string | null => tokenInfo(native, slot)?.subarray(0, labelBytes).toString('utf8').replace(/[ \0]+$/, '') ?? null

/** The last try is left to people: one more wrong PIN, and the token is lost to everybody. */
function logIn({ native, slot, handle }: Session, pin: string): void {
  const state = Number(tokenInfo(native, slot)?.readBigUInt64LE(flagsAt) ?? 0n)
  if ((state & pinFlags.locked) !== 0) throw new TokenError('pin', 'the PIN of the token is locked')
  if ((state & pinFlags.finalTry) !== 0) throw new TokenError('pin', 'the token takes one more PIN before it locks itself: log in to it by hand first')
  const bytes = Buffer.from(pin, 'utf8')
  const code = native.code('C_Login', handle, userKinds.user, bytes, bytes.length)
  bytes.fill(0)
  if (code === 0 || code === alreadyLoggedIn) return
  throw new TokenError(pinCodes.has(code) ? 'pin' : 'away', `C_Login: ${codeName(code)}`)
}

export const className = { public: 'public key', private: 'private key', secret: 'secret key' } as const

/** Null: there is none. Throws `TokenError` when there are several. */
export function findKey({ native, handle }: Session, kind: keyof typeof classes, { label, id }: KeyName): bigint | null {
  const template = layTemplate(native, { class: classes[kind], ...(label !== '' && { label }), ...(id !== '' && { id: Buffer.from(id, 'hex') }) })
  const [handles, count] = [Buffer.alloc(2 * word), Buffer.alloc(word)]
  native.call('C_FindObjectsInit', handle, template.bytes, template.count)
  try {
    native.call('C_FindObjects', handle, handles, 2, count)
  } finally {
    native.code('C_FindObjectsFinal', handle)
    keep(template)
  }
  const found = Number(count.readBigUInt64LE())
  if (found > 1) throw new TokenError('refused', `several objects are a ${className[kind]} ${nameOf({ label, id })}: name one by its id as well`)
  return found === 0 ? null : handles.readBigUInt64LE()
}

export const nameOf = ({ label, id }: KeyName): string => [label !== '' && `with the label ${JSON.stringify(label)}`, id !== '' && `with the id ${id}`].filter(Boolean).join(' and ')

/** Null where the object has no such attribute, or does not show it. */
export function readAttribute({ native, handle }: Session, object: bigint, name: AttributeName): Buffer | null {
  const length = words(attributes[name], 0, 0)
  if (native.code('C_GetAttributeValue', handle, object, length, 1) !== 0) return null
  const size = length.readBigUInt64LE(2 * word)
  if (size > BigInt(resultBytesMax)) return null
  const value = Buffer.alloc(Math.max(1, Number(size)))
  const filled = words(attributes[name], native.address(value), size)
  if (native.code('C_GetAttributeValue', handle, object, filled, 1) !== 0) return null
  return value.subarray(0, Number(filled.readBigUInt64LE(2 * word)))
}

export function readNumber(session: Session, object: bigint, name: AttributeName): number | null {
  const bytes = readAttribute(session, object, name)
  return bytes?.length === word ? Number(bytes.readBigUInt64LE()) : null
}

/** Whether the token says that it does this. */
export const supports = ({ native, slot }: Session, mechanism: number): boolean => native.code('C_GetMechanismInfo', slot, mechanism, Buffer.alloc(3 * word)) === 0

/** `Encrypt`, `Decrypt` or `Sign` in one go: begun with a mechanism, then the bytes that come of it. */
export function compute({ native, handle }: Session, what: 'Encrypt' | 'Decrypt' | 'Sign', key: bigint, mechanism: Laid, data: Uint8Array): Buffer {
  const [begin, finish]: [FunctionName, FunctionName] = [`C_${what}Init`, `C_${what}`]
  native.call(begin, handle, mechanism.bytes, key)
  const [result, size] = [Buffer.alloc(resultBytesMax), words(resultBytesMax)]
  // Some libraries take no null, not even for nothing.
  native.call(finish, handle, data.length === 0 ? Buffer.alloc(1) : data, data.length, result, size)
  keep(mechanism)
  const made = Buffer.from(result.subarray(0, Number(size.readBigUInt64LE())))
  result.fill(0)
  return made
}

/** The handle of the key that was made. */
export function generateSecret({ native, handle }: Session, mechanism: Laid, template: Template): bigint {
  const [laid, made] = [layTemplate(native, template), Buffer.alloc(word)]
  native.call('C_GenerateKey', handle, mechanism.bytes, laid.bytes, laid.count, made)
  keep(laid, mechanism)
  return made.readBigUInt64LE()
}

export function generatePair({ native, handle }: Session, mechanism: Laid, ofPublic: Template, ofPrivate: Template): void {
  const [first, second] = [layTemplate(native, ofPublic), layTemplate(native, ofPrivate)]
  native.call('C_GenerateKeyPair', handle, mechanism.bytes, first.bytes, first.count, second.bytes, second.count, Buffer.alloc(word), Buffer.alloc(word))
  keep(first, second, mechanism)
}

/** What a structure points to must be there until the function is done, which no engine could know otherwise. */
function keep(...laid: readonly Laid[]): void {
  for (const { held } of laid) for (const bytes of held) void bytes.length
}
