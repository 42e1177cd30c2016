/**
 * Ids that are credentials: tokens, accessors. 24 letters and digits at random hold 142 bits. Before them stands when the id was made, and what is stored
 * under the id begins with that too: what was made at about the same time then lies in the same pages, which are written, and swept, together.
 * With random keys alone each of the five records of a token changed a page of its own.
 */
import type { KeyObject } from 'node:crypto'
import { createHmac } from 'node:crypto'
import { hmacOf, type Hmac } from '../../crypto/hmac.ts'
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

/** Milliseconds in seven digits to the base of 62, which last until 2081 and begin anew then; in the order of time as texts. */
const stampLength = 7
function stampOf(ms: number): string {
  let stamp = ''
  for (let rest = Math.max(0, Math.floor(ms)); stamp.length < stampLength; rest = Math.floor(rest / alphabet.length)) stamp = `${alphabet[rest % alphabet.length]}${stamp}`
  return stamp
}

const servicePrefix = 'hvs.'
export const batchPrefix = 'hvb.'
export const newServiceToken = (host: Host): string => servicePrefix + stampOf(host.now()) + randomId(host)

/** Without the time: the ceremony that makes one hides it under a pad, whose length clients know. */
export const newRootToken = (host: Host): string => servicePrefix + randomId(host)

/** It is no credential by itself, and 119 bits at random keep it apart from all others. Up to form 2 of the data it was 24 letters and digits at random. */
export const newAccessor = (host: Host): string => stampOf(host.now()) + randomId(host, 20)

/** Of these forms are only ids from here. A chosen one that looks the same is as good as any. */
const stamped = /^(?:hvs\.(\w{7})\w{24}|(\w{7})\w{20})$/

/** What an id is stored under: a keyed hash, behind the time that the id begins with, if it does. */
export function storedId(key: KeyObject, id: string): string {
  const [, ofToken = '', ofAccessor = ''] = stamped.exec(id) ?? []
  let hmac = hmacs.get(key)
  if (hmac === undefined) hmacs.set(key, (hmac = hmacOf(key.export())))
  return ofToken + ofAccessor + hmac(id)
}

/** For each request. The key is in the memory of JavaScript then, where nobody wipes it: it hides what cannot be guessed even by who has it. */
const hmacs = new WeakMap<KeyObject, Hmac>()

/** HMAC-SHA256 in hex, under a key that exists only while unsealed. */
export const keyedHash = (key: KeyObject, value: string): string => createHmac('sha256', key).update(value).digest('hex')
