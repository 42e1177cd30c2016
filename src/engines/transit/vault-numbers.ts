/** Key pairs as Go writes them in JSON: big numbers in decimal digits. */
import { createPrivateKey, createPublicKey } from 'node:crypto'
import type { JsonWebKey, KeyObject } from 'node:crypto'
import { badRequest } from '../../kit/errors.ts'
import { isJsonObject } from '../../kit/fields.ts'
import { JsonNumber, type Json } from '../../kit/json.ts'

/** More digits than any number of an RSA key of 4096 bits has. */
const digitsMax = 1300

/** A whole number that is not negative; null where there is none. */
function parseBig(value: Json | undefined): bigint | null {
  if (value === undefined || value === null) return null
  const digits = value instanceof JsonNumber ? value.text : String(value)
  if ((typeof value !== 'number' && !(value instanceof JsonNumber)) || !/^\d+$/.test(digits) || digits.length > digitsMax) throw badRequest('backup: a number of a key is malformed')
  return BigInt(digits)
}

function requireBig(value: Json | undefined): bigint {
  const number = parseBig(value)
  if (number === null || number === 0n) throw badRequest('backup: a number of a key is missing')
  return number
}

const hexOf = (value: bigint): string => value.toString(16)
const field = (value: bigint, bytes = 0): string => {
  const hex = hexOf(value)
  return Buffer.from(hex.padStart(Math.max(2 * bytes, hex.length + (hex.length % 2)), '0'), 'hex').toString('base64url')
}
const decimal = (base64url: string | undefined): JsonNumber => new JsonNumber(BigInt(`0x${Buffer.from(base64url ?? '', 'base64url').toString('hex')}`).toString())

/** Throws a bad request for numbers that are no key. */
function importJwk(jwk: JsonWebKey): KeyObject {
  try {
    return jwk.d === undefined ? createPublicKey({ key: jwk, format: 'jwk' }) : createPrivateKey({ key: jwk, format: 'jwk' })
  } catch {
    throw badRequest('backup: the numbers of a key are none')
  }
}

const curveBytes: Readonly<Record<string, number>> = { 'P-256': 32, 'P-384': 48, 'P-521': 66 }

/** `ec_x`, `ec_y` and, where it is known, `ec_d`. */
export function parseEc(curve: string, x: Json | undefined, y: Json | undefined, d: Json | undefined): KeyObject {
  const size = curveBytes[curve] ?? 0
  const secret = parseBig(d)
  const jwk = { kty: 'EC', crv: curve, x: field(requireBig(x), size), y: field(requireBig(y), size), ...(secret !== null && { d: field(secret, size) }) }
  return importJwk(jwk)
}

export function writeEc(key: KeyObject): Record<'ec_x' | 'ec_y' | 'ec_d', JsonNumber | null> {
  const { x, y, d } = key.export({ format: 'jwk' })
  return { ec_x: decimal(x), ec_y: decimal(y), ec_d: d === undefined ? null : decimal(d) }
}

/** `rsa_key`, or `rsa_public_key` where only that is known. What follows from the primes is computed, not read. */
export function parseRsa(value: Json | undefined): KeyObject {
  if (!isJsonObject(value)) throw badRequest('backup: an RSA key is missing')
  const [n, e] = [requireBig(value['N']), requireBig(value['E'])]
  const open = { kty: 'RSA', n: field(n), e: field(e) }
  const primes = value['Primes']
  if (!Array.isArray(primes)) return importJwk(open)
  const [p, q] = [requireBig(primes[0] as Json), requireBig(primes[1] as Json)]
  const d = requireBig(value['D'])
  if (primes.length !== 2 || p < 3n || q < 3n || p * q !== n) throw badRequest('backup: an RSA key does not have two primes that belong to it')
  return importJwk({ ...open, d: field(d), p: field(p), q: field(q), dp: field(d % (p - 1n)), dq: field(d % (q - 1n)), qi: field(inverse(q % p, p)) })
}

/** The inverse modulo a prime, by Euclid; 0 where there is none. */
function inverse(value: bigint, modulus: bigint): bigint {
  let [previous, rest] = [modulus, value]
  let [before, factor] = [0n, 1n]
  while (rest !== 0n) {
    const quotient = previous / rest
    ;[previous, rest] = [rest, previous - quotient * rest]
    ;[before, factor] = [factor, before - quotient * factor]
  }
  return previous === 1n ? ((before % modulus) + modulus) % modulus : 0n
}

export function writeRsa(key: KeyObject): Record<string, unknown> {
  const { n, e, d, p, q, dp, dq, qi } = key.export({ format: 'jwk' })
  const open = { N: decimal(n), E: decimal(e) }
  if (d === undefined) return open
  return { ...open, D: decimal(d), Primes: [decimal(p), decimal(q)], Precomputed: { Dp: decimal(dp), Dq: decimal(dq), Qinv: decimal(qi), CRTValues: [] } }
}
