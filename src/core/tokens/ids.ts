/** Ids that are credentials: tokens, accessors. 24 letters and digits hold 142 bits. */
import type { KeyObject } from 'node:crypto'
import { createHmac } from 'node:crypto'
import type { Host } from '../host.ts'

const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const idLength = 24

/** Letters and digits, each equally likely: bytes that would favour the first ones are thrown away. */
export function randomId(host: Host, length = idLength): string {
  const unbiased = 256 - (256 % alphabet.length)
  let id = ''
  while (id.length < length) {
    for (const byte of host.random(length * 2)) {
      if (byte < unbiased && id.length < length) id += alphabet[byte % alphabet.length]
    }
  }
  return id
}

const servicePrefix = 'hvs.'
export const batchPrefix = 'hvb.'
export const newServiceToken = (host: Host): string => servicePrefix + randomId(host)

/** HMAC-SHA256 in hex, under a key that exists only while unsealed. */
export const keyedHash = (key: KeyObject, value: string): string => createHmac('sha256', key).update(value).digest('hex')
