/**
 * Shamir's secret sharing in Vault's share format: each byte of the secret is the constant term of a polynomial of its own over
 * GF(2^8); a share is the values of all polynomials at one x, followed by the byte x. So shares are one byte longer than the secret.
 */
import { randomFillSync, randomInt } from 'node:crypto'
import { badRequest, internal } from '../kit/errors.ts'
import { evaluate, invert, multiply } from './gf256.ts'

const shareCountMax = 255

/**
 * Splits a secret (1 byte or more) into `shares` (2..255) of which any `threshold` (2..shares) suffice. The x of the shares are
 * distinct and random in 1..255. The caller wipes the secret and, in time, the shares. Throws `ApiError` 'internal' for numbers
 * out of range: what a client asks for is checked before.
 */
export function splitSecret(secret: Uint8Array, shares: number, threshold: number): Buffer[] {
  const areWhole = Number.isInteger(shares) && Number.isInteger(threshold)
  const areInRange = areWhole && threshold >= 2 && threshold <= shares && shares <= shareCountMax
  if (!areInRange || secret.length === 0) {
    throw internal(`cannot split ${secret.length} bytes into ${shares} shares with threshold ${threshold}`)
  }
  const parts = randomAbscissae(shares).map((x) => {
    const share = Buffer.alloc(secret.length + 1)
    share[secret.length] = x
    return share
  })
  const coefficients = new Uint8Array(threshold)
  for (let i = 0; i < secret.length; i += 1) {
    randomFillSync(coefficients)
    coefficients[0] = secret[i] as number
    for (const share of parts) share[i] = evaluate(coefficients, share[secret.length] as number)
  }
  coefficients.fill(0)
  return parts
}

/**
 * The secret of which these are shares: at least as many as the threshold, all of one length. With too few or wrong shares the result is
 * some other secret: only the caller can tell. Throws `ApiError` 'bad_request' when they cannot be shares of one secret.
 */
export function combineShares(shares: readonly Uint8Array[]): Buffer {
  const length = (shares[0]?.length ?? 0) - 1
  if (shares.length < 2 || length < 1) throw badRequest('at least two shares of two bytes or more are needed')
  if (shares.some((share) => share.length !== length + 1)) throw badRequest('all shares must have the same length')
  const xs = shares.map((share) => share[length] as number)
  if (xs.includes(0) || new Set(xs).size !== xs.length) throw badRequest('the shares do not belong together')
  const weights = xs.map((x) => weightAtZero(x, xs))
  const secret = Buffer.alloc(length)
  for (let i = 0; i < length; i += 1) {
    let byte = 0
    shares.forEach((share, k) => (byte ^= multiply(share[i] as number, weights[k] as number)))
    secret[i] = byte
  }
  return secret
}

/** Lagrange's basis polynomial of `x` at zero. The x of shares are no secret. */
function weightAtZero(x: number, xs: readonly number[]): number {
  let weight = 1
  for (const other of xs) if (other !== x) weight = multiply(weight, multiply(other, invert(other ^ x)))
  return weight
}

function randomAbscissae(count: number): number[] {
  const all = Array.from({ length: shareCountMax }, (_, i) => i + 1)
  for (let i = 0; i < count; i += 1) {
    const j = randomInt(i, all.length)
    const swapped = all[i] as number
    all[i] = all[j] as number
    all[j] = swapped
  }
  return all.slice(0, count)
}
