/** New RSA keys. Each takes a second or more of a thread, so few are made at once, whoever asks for them. */
import { generateKeyPair } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { promisify } from 'node:util'
import { lane } from './lane.ts'

const generate = promisify(generateKeyPair)
const generating = lane({ running: 2, waiting: 100, refusal: 'too many keys are being generated; try again' })

/** A private key with the exponent 65537. Throws `overloaded` when too many wait. */
export async function generateRsaKey(bits: number): Promise<KeyObject> {
  return (await generating(() => generate('rsa', { modulusLength: bits, publicExponent: 65537 }))).privateKey
}
