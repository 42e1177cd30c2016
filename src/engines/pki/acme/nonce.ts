/**
 * Nonces of ACME (RFC 8555 §6.5). They carry their time and prove themselves, so that giving one away stores nothing; using one does, in the commit of what it
 * is used for, so that it is used once, whoever serves the request.
 */
import { createHmac, timingSafeEqual } from 'node:crypto'
import type { Transaction } from '../../../kit/store.ts'

const lifeMs = 900_000
const slotMs = 600_000
const timeBytes = 6
const randomBytes = 10
const macBytes = 16

export const noncesFolder = 'nonces/'
const slotOf = (at: number): string => Math.floor(at / slotMs).toString().padStart(9, '0')
/** Whether everything in a folder of used nonces is too old to be used again. */
export const isSlotOver = (slot: string, now: number): boolean => (Number(slot) + 1) * slotMs + lifeMs < now

const macOf = (key: Buffer, head: Uint8Array): Buffer => createHmac('sha256', key).update('acme nonce').update(head).digest().subarray(0, macBytes)

export function newNonce(key: Buffer, now: number, random: (bytes: number) => Uint8Array): string {
  const head = Buffer.alloc(timeBytes + randomBytes)
  head.writeUIntBE(now, 0, timeBytes)
  head.set(random(randomBytes), timeBytes)
  return Buffer.concat([head, macOf(key, head)]).toString('base64url')
}

/** Whether the nonce was given by this server, is young, and was not used; it is, from now on. */
export async function useNonce(store: Transaction, key: Buffer, now: number, nonce: string): Promise<boolean> {
  const bytes = Buffer.from(nonce, 'base64url')
  if (bytes.length !== timeBytes + randomBytes + macBytes || bytes.toString('base64url') !== nonce) return false
  const head = bytes.subarray(0, timeBytes + randomBytes)
  if (!timingSafeEqual(macOf(key, head), bytes.subarray(head.length))) return false
  const at = head.readUIntBE(0, timeBytes)
  if (at > now + lifeMs || at < now - lifeMs) return false
  const used = `${noncesFolder}${slotOf(at)}/${head.subarray(timeBytes).toString('hex')}`
  if ((await store.get(used)) !== null) return false
  store.put(used, Uint8Array.of(1))
  return true
}
