/** Ciphertexts, signatures and HMACs as callers hold them: `vault:v3:` and base64, where 3 is the version of the key. */
import { badRequest } from '../../kit/errors.ts'

const prefix = 'vault:v'

export interface Tagged {
  readonly version: number
  /** What stands behind the version, not decoded yet. */
  readonly payload: string
}

export const tagWith = (version: number, payload: string): string => `${prefix}${version}:${payload}`

/** Throws a bad request that begins with `invalid KIND`. */
export function parseTagged(text: string, kind: string): Tagged {
  if (!text.startsWith(prefix)) throw badRequest(`invalid ${kind}: no prefix`)
  const colon = text.indexOf(':', prefix.length)
  if (colon < 0) throw badRequest(`invalid ${kind}: wrong number of fields`)
  const digits = text.slice(prefix.length, colon)
  if (!/^[+-]?\d{1,10}$/.test(digits)) throw badRequest(`invalid ${kind}: version number could not be decoded`)
  return { version: Number(digits), payload: text.slice(colon + 1) }
}
