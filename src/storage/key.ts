/**
 * What a storage key is: 1 to 1,900 bytes of well-formed UTF-8 that do not end in '/', ordered by their bytes. Every store
 * checks its callers with the functions here, so that all refuse the same things with the same words.
 */
import { ApiError, badRequest } from '../kit/errors.ts'
import type { Expectation, ListOptions, Write } from '../kit/store.ts'
import { keyOf } from './layered.ts'

/** Bytes of the longest key: LMDB holds 1,978 with pages of 4 KiB, and the driver needs a few for itself. */
export const keyBytesMax = 1_900
/** Bytes of the largest value: what a layer adds to it still has to fit in the 16 MiB that LMDB reads in one piece. */
export const valueBytesMax = 15 * 1024 * 1024
/** Writes of one commit. */
const writeCountMax = 100_000

const loneSurrogate = /\p{Surrogate}/u

/** Throws 'bad_request' unless `key` can be the key of a value. A key that ended in '/' could not be told from a folder in a list. */
export function checkKey(key: string): void {
  checkText(key, 'a storage key')
  if (key === '') throw badRequest('a storage key may not be empty')
  if (key.endsWith('/')) throw badRequest('a storage key may not end in "/"')
}

/** Throws 'bad_request' unless `key` is well-formed and short enough; '' and a '/' at the end pass. */
function checkText(key: string, what: string): void {
  // Three bytes are the most that one UTF-16 unit becomes, so short keys need no count.
  if (key.length * 3 > keyBytesMax && Buffer.byteLength(key) > keyBytesMax) {
    throw badRequest(`${what} may not be longer than ${keyBytesMax} bytes`)
  }
  if (loneSurrogate.test(key)) throw badRequest(`${what} must be well-formed Unicode`)
}

/** Throws 'bad_request' when the arguments of a `list` cannot be served. */
export function checkList(prefix: string, options: ListOptions | undefined): void {
  if (prefix !== '' && !prefix.endsWith('/')) throw badRequest('the prefix of a list must be empty or end in "/"')
  checkText(prefix + (options?.after ?? ''), 'the prefix of a list, with the name it starts after,')
  const limit = options?.limit
  if (limit !== undefined && !(Number.isInteger(limit) && limit >= 0)) throw badRequest('the limit of a list must be a whole number')
}

/** Throws 'bad_request' (or 'body_too_large') when a commit cannot be served whatever the store holds. */
export function checkCommit(expectations: readonly Expectation[], writes: readonly Write[]): void {
  for (const { key } of expectations) checkKey(key)
  if (writes.length > writeCountMax) throw badRequest(`one commit may not have more than ${writeCountMax} writes`)
  for (const write of writes) {
    checkKey(keyOf(write))
    if ('put' in write) checkValue(write.value)
  }
  if (writes.length > 1) checkDistinct(writes)
}

/** Throws 'body_too_large' when a value is too large to be stored. */
export function checkValue(value: Uint8Array): void {
  if (value.length > valueBytesMax) throw new ApiError('body_too_large', `a stored value may not be larger than ${valueBytesMax} bytes`)
}

function checkDistinct(writes: readonly Write[]): void {
  const seen = new Set<string>()
  for (const write of writes) {
    const key = keyOf(write)
    if (seen.has(key)) throw badRequest(`one commit may write the key "${key}" only once`)
    seen.add(key)
  }
}

/**
 * Compares two keys by their UTF-8 bytes (negative, 0, positive). JavaScript compares UTF-16 units, which differs for what lies
 * beyond U+FFFF: its surrogates (D800–DFFF) come before U+E000–U+FFFF there, after them in UTF-8.
 */
export function compareKeys(first: string, second: string): number {
  const length = Math.min(first.length, second.length)
  for (let index = 0; index < length; index += 1) {
    const one = first.charCodeAt(index)
    const other = second.charCodeAt(index)
    if (one !== other) return rank(one) - rank(other)
  }
  return first.length - second.length
}

function rank(unit: number): number {
  if (unit < 0xd800) return unit
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800
}
