/** Rules of `custom_metadata`: a small map of printable texts, kept beside the versions of a secret. */
import { badRequest } from '../../kit/errors.ts'
import { JsonNumber, type Json, type JsonObject } from '../../kit/json.ts'

export type CustomMetadata = Readonly<Record<string, string>>

/** Vault's limits; lengths in bytes of UTF-8. */
const keysMax = 64
const keyBytesMax = 128
const valueBytesMax = 512

const printable = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]*$/u
const bytesOf = (value: string): number => Buffer.byteLength(value)

/** Replaces what was there: numbers and truth values become texts. `null` for an empty map. Throws `bad_request`. */
export const replaceCustomMetadata = (given: JsonObject): CustomMetadata | null => checked(Object.entries(given).map(asPair))

/** Changes single keys; `null` removes one. The limits hold for the result. */
export function patchCustomMetadata(before: CustomMetadata | null, patch: JsonObject): CustomMetadata | null {
  const merged = new Map(Object.entries(before ?? {}))
  for (const entry of Object.entries(patch)) {
    if (entry[1] === null) merged.delete(entry[0])
    else merged.set(...asPair(entry))
  }
  return checked([...merged])
}

function asPair([key, value]: [string, Json]): [string, string] {
  if (typeof value === 'string') return [key, value]
  if (typeof value === 'number') return [key, String(value)]
  if (typeof value === 'boolean') return [key, value ? '1' : '0']
  if (value === null) return [key, '']
  if (value instanceof JsonNumber) return [key, value.text]
  throw refused(`the value of key ${shown(key)} is no text`)
}

function checked(pairs: readonly (readonly [string, string])[]): CustomMetadata | null {
  if (pairs.length > keysMax) throw refused(`${pairs.length} keys, at most ${keysMax} are allowed`)
  for (const [key, value] of pairs) checkPair(key, value)
  return pairs.length === 0 ? null : Object.fromEntries(pairs)
}

function checkPair(key: string, value: string): void {
  const theKey = `key ${shown(key)}`
  const theValue = `the value of ${theKey}`
  const checkLength = (what: string, bytes: number, bytesMax: number): void => {
    if (bytes === 0 || bytes > bytesMax) throw refused(`${what} has ${bytes} bytes, allowed are 1 to ${bytesMax}`)
  }
  checkLength(theKey, bytesOf(key), keyBytesMax)
  checkLength(theValue, bytesOf(value), valueBytesMax)
  if (!printable.test(key)) throw refused(`${theKey} contains unprintable characters`)
  if (!printable.test(value)) throw refused(`${theValue} contains unprintable characters`)
}

const shown = (key: string): string => JSON.stringify(key.length > keyBytesMax ? `${key.slice(0, 32)}…` : key)
const refused = (what: string): Error => badRequest(`custom_metadata validation failed: ${what}`)
