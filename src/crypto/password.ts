/**
 * Password hashes: scrypt (RFC 7914) with its parameters in the text, so that they can be raised later. Hashing takes tens of milliseconds of a
 * thread and tens of megabytes, so only a few run at once, and a bounded number waits.
 */
import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto'
import { lane } from './lane.ts'

interface Cost {
  /** Exponent of N. */
  readonly ln: number
  readonly r: number
  readonly p: number
}

/** About as hard to search as bcrypt at cost 10, and hard on memory (32 MiB) besides. */
const cost: Cost = { ln: 15, r: 8, p: 1 }
const hashLength = 32
const saltLength = 16
const logins = lane({ running: 2, waiting: 1_000, refusal: 'too many logins at once; try again' })
/** Longer passwords are refused before they cost anything. */
export const passwordLengthMax = 4_096

const derive = (password: string, salt: Uint8Array, { ln, r, p }: Cost): Promise<Buffer> =>
  logins(() => new Promise((resolve, reject) => {
    scrypt(password, salt, hashLength, { N: 2 ** ln, r, p, maxmem: 256 * 2 ** ln * r }, (error, key) => (error === null ? resolve(key) : reject(error)))
  }))

/** `$scrypt$ln=15,r=8,p=1$SALT$HASH`, base64. Throws `overloaded` when too many wait. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(saltLength)
  const hash = await derive(password, salt, cost)
  return `$scrypt$ln=${cost.ln},r=${cost.r},p=${cost.p}$${salt.toString('base64')}$${hash.toString('base64')}`
}

const form = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]+)$/

/** Whether the password has this hash. For `null` (no such user) it takes as long as for any other, and says no. */
export async function isPassword(password: string, stored: string | null): Promise<boolean> {
  const found = form.exec(stored ?? absent)
  if (found === null) throw new Error('a stored password hash has an unknown form')
  const [, ln, r, p, salt = '', hash = ''] = found
  const expected = Buffer.from(hash, 'base64')
  const actual = await derive(password.slice(0, passwordLengthMax), Buffer.from(salt, 'base64'), { ln: Number(ln), r: Number(r), p: Number(p) })
  return timingSafeEqual(actual, expected) && stored !== null
}

/** A hash that belongs to nobody. */
const absent = `$scrypt$ln=${cost.ln},r=${cost.r},p=${cost.p}$${randomBytes(saltLength).toString('base64')}$${randomBytes(hashLength).toString('base64')}`
