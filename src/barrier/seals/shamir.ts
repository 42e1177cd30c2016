/**
 * The Shamir seal: the key that wraps the root key exists only as shares among people, in Vault's format, so that its tools handle
 * them. A key for one person is not split: the share is the key itself.
 */
import { combineShares, splitSecret } from '../../crypto/shamir.ts'
import { badRequest } from '../../kit/errors.ts'
import { keyWrapSeal } from './key-wrap.ts'
import type { Seal } from './seal.ts'

/** Into how many shares a key is split, and how many of them suffice. */
export interface ShareConfig {
  readonly shares: number
  readonly threshold: number
}

export const shamirType = 'shamir'

/** The seal that `key` (32 bytes, combined from shares) opens. */
export const shamirSeal = (key: Uint8Array): Seal => keyWrapSeal(shamirType, false, key)

/** Throws 'bad_request', the text preceded by `what`, unless a key can be shared like this. */
export function checkShareConfig(what: string, { shares, threshold }: ShareConfig): void {
  const problem = shareProblem(shares, threshold)
  if (problem !== null) throw badRequest(`${what}: ${problem}`)
}

function shareProblem(shares: number, threshold: number): string | null {
  if (!Number.isInteger(shares) || shares < 1) return 'shares must be at least one'
  if (!Number.isInteger(threshold) || threshold < 1) return 'threshold must be at least one'
  if (shares > 255) return 'shares must be less than 256'
  if (threshold > shares) return 'threshold cannot be larger than shares'
  if (shares > 1 && threshold === 1) return 'threshold must be greater than one for multiple shares'
  return null
}

/** The shares of a key. The config has been checked; the caller wipes the key. */
export function createShares(key: Uint8Array, { shares, threshold }: ShareConfig): Buffer[] {
  return shares === 1 ? [Buffer.from(key)] : splitSecret(key, shares, threshold)
}

/** The key of which these are shares, as many as the threshold; null when they cannot be shares of one key. The caller wipes it. */
export function combineKey(shares: readonly Uint8Array[]): Buffer | null {
  const [only] = shares
  if (only !== undefined && shares.length === 1) return Buffer.from(only)
  try {
    return combineShares(shares)
  } catch {
    // Different lengths, or one share twice under two guises: as wrong as a wrong key.
    return null
  }
}

/** Bytes of the shortest and the longest share there can be; a share of a split key has one byte more than the key. */
const shareLengths = { min: 16, max: 33 } as const

/** A share as people send it: in hex or in base64. Throws 'bad_request' with the texts that clients know. */
export function parseShare(text: string): Buffer {
  const hex = /^(?:[0-9a-f]{2})+$/i.test(text) ? Buffer.from(text, 'hex') : null
  // Text of the right length may be both; only hex of a plausible length is taken for hex.
  const share = hex !== null && isShareLength(hex.length) ? hex : parseBase64(text)
  if (share === null) throw badRequest("'key' must be a valid hex or base64 string")
  if (share.length < shareLengths.min) throw badRequest(`'key' must have at least ${shareLengths.min} bytes`)
  if (share.length > shareLengths.max) throw badRequest(`'key' must have at most ${shareLengths.max} bytes`)
  return share
}

const isShareLength = (length: number): boolean => length >= shareLengths.min && length <= shareLengths.max

const parseBase64 = (text: string): Buffer | null =>
  text.length % 4 === 0 && /^[A-Za-z0-9+/]+={0,2}$/.test(text) ? Buffer.from(text, 'base64') : null

/** Shares as `sys/init` and `sys/rekey` answer them. */
export function encodeShares(shares: readonly Buffer[]): { readonly keys: readonly string[]; readonly keys_base64: readonly string[] } {
  return { keys: shares.map((share) => share.toString('hex')), keys_base64: shares.map((share) => share.toString('base64')) }
}
