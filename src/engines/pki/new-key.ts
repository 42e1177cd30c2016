/** The key of a CA: made, exported or taken from those that are there. */
import { generateKey } from '../../crypto/x509/keys.ts'
import { badRequest } from '../../kit/errors.ts'
import { text } from '../../kit/fields.ts'
import type { Call } from '../../kit/operation.ts'
import type { Transaction } from '../../kit/store.ts'
import type { ShownKey } from './answer.ts'
import { readKey, resolveKeyEntry } from './authority.ts'
import { readIndex, type KeyEntry, type KeyRecord } from './records.ts'
import { addKey, checkKeyName } from './registry.ts'
import { checkKeyChoice } from './role-rules.ts'

export const keyOrigin = text('Where the key is from: internal (made, never shown), exported (made, and shown once), existing, or kms.')

export interface KeyInput {
  readonly key_type: string
  readonly key_bits: number
  readonly key_name: string
  readonly key_ref: string
  readonly managed_key_name: string
  readonly managed_key_id: string
}

export type KeyCall = Pick<Call<unknown, unknown>, 'store' | 'random' | 'managedKeys'>

export interface CaKey {
  readonly entry: KeyEntry
  readonly record: KeyRecord
  readonly spki: Buffer
  /** What may be handed out; null unless it was asked for. */
  readonly shown: ShownKey | null
}

const origins: ReadonlySet<string> = new Set(['internal', 'exported', 'existing', 'kms'])

export function checkOrigin(origin: string): void {
  if (!origins.has(origin)) throw badRequest('the "exported" path parameter must be "internal", "existing", exported" or "kms"')
}

/** Throws `bad_request`. What is made is kept, whatever becomes of the certificate. */
export async function caKey(call: KeyCall, origin: string, input: KeyInput): Promise<CaKey> {
  const { store, random } = call
  checkOrigin(origin)
  const index = await readIndex(store)
  if (origin === 'existing') return existingKey(store, input.key_ref)
  checkKeyName(index, input.key_name)
  if (input.key_name.toLowerCase() === 'default') throw badRequest("reserved keyword 'default' can not be used as key name")
  if (origin === 'kms') return managedKey(call, input)
  const choice = checkKeyChoice(input.key_type, input.key_bits, 0)
  if (choice.type === 'any') throw badRequest('unknown key type any')
  const made = await generateKey(choice.type, choice.bits)
  const { entry, record } = await addKey(store, random, made, choice.bits, input.key_name)
  return { entry, record, spki: made.spki, shown: origin === 'exported' ? { type: choice.type, der: made.privateDer } : null }
}

/** A key that signs where it is; its public half is taken over once. Throws `bad_request`. */
export async function managedKey({ store, random, managedKeys }: KeyCall, input: Pick<KeyInput, 'key_name' | 'managed_key_name' | 'managed_key_id'>): Promise<CaKey> {
  const ref = { name: input.managed_key_name, id: input.managed_key_id }
  if ((ref.name === '') === (ref.id === '')) throw badRequest('one of managed_key_name and managed_key_id is needed')
  const { id, name, type, bits, spki } = await managedKeys.describe(ref)
  const { entry, record } = await addKey(store, random, { type, privateDer: Buffer.alloc(0), spki: Buffer.from(spki) }, bits, input.key_name, { id, name })
  return { entry, record, spki: Buffer.from(record.spki, 'base64'), shown: null }
}

async function existingKey(store: Transaction, ref: string): Promise<CaKey> {
  const index = await readIndex(store)
  const entry = lookUp(index, ref)
  const record = await readKey(store, entry.id)
  return { entry, record, spki: Buffer.from(record.spki, 'base64'), shown: null }
}

function lookUp(index: Awaited<ReturnType<typeof readIndex>>, ref: string): KeyEntry {
  try {
    return resolveKeyEntry(index, ref)
  } catch (cause) {
    throw badRequest(`failed to lookup public key from existing key: ${cause instanceof Error ? cause.message : ref}`, { cause })
  }
}

