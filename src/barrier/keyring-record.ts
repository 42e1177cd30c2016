/**
 * What the keyring record holds once it is opened, and its bytes: [length of the description 4][description, JSON without any key]
 * [derivation secret 32][key of each term 32]. Keys are raw bytes because, unlike strings, these can be wiped.
 */
import { createSecretKey } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { aeadKeyLength, createAeadKey, openAead, sealAead } from '../crypto/aead.ts'
import { internal } from '../kit/errors.ts'

/** One data key. Terms count from 1; the last one seals, all of them open. */
export interface KeyTerm {
  readonly term: number
  readonly key: KeyObject
  /** Milliseconds since 1970. */
  readonly installed: number
}

/** When the data key is to be replaced without being asked. */
export interface RotationConfig {
  readonly enabled: boolean
  /** Encryptions under one key. */
  readonly maxOperations: number
  /** Milliseconds from one rotation to the next; 0: rotate by operations only. */
  readonly interval: number
}

export interface KeyringContent {
  /** All sub-keys derive from it. It never changes: the names of all records depend on it. */
  readonly derivation: KeyObject
  /** Never empty, in ascending order. */
  readonly terms: readonly KeyTerm[]
  readonly rotation: RotationConfig
}

/** Vault's limit, which is 90 % of the 2^32 messages that NIST SP 800-38D allows under random nonces. */
export const operationCountMax = 3_865_470_566

export const defaultRotation: RotationConfig = Object.freeze({ enabled: true, maxOperations: operationCountMax, interval: 0 })

/** The content of a new keyring: one term. */
export function createKeyringContent(now: number, random?: (bytes: number) => Uint8Array): KeyringContent {
  return { derivation: createAeadKey(random), terms: [{ term: 1, key: createAeadKey(random), installed: now }], rotation: defaultRotation }
}

/** The same keyring with one more term, which is the one that seals from now on. */
export function withNewTerm(content: KeyringContent, now: number): KeyringContent {
  return { ...content, terms: [...content.terms, { term: newestTerm(content).term + 1, key: createAeadKey(), installed: now }] }
}

export function newestTerm(content: KeyringContent): KeyTerm {
  return content.terms[content.terms.length - 1] as KeyTerm
}

const context = Buffer.from('coffer keyring 1')

/** The keyring record: the content, sealed by the root key. */
export function sealKeyring(content: KeyringContent, rootKey: KeyObject): Buffer {
  const plaintext = encode(content)
  try {
    return sealAead(rootKey, plaintext, context)
  } finally {
    plaintext.fill(0)
  }
}

/** The content of a keyring record, or null when another root key sealed it. */
export function openKeyring(record: Uint8Array, rootKey: KeyObject): KeyringContent | null {
  const plaintext = openAead(rootKey, record, context)
  if (plaintext === null) return null
  try {
    return decode(plaintext)
  } finally {
    plaintext.fill(0)
  }
}

interface Description {
  readonly terms: readonly { readonly term: number; readonly installed: number }[]
  readonly rotation: RotationConfig
}

function encode({ derivation, terms, rotation }: KeyringContent): Buffer {
  const shown: Description = { terms: terms.map(({ term, installed }) => ({ term, installed })), rotation }
  const description = Buffer.from(JSON.stringify(shown))
  const bytes = Buffer.alloc(4 + description.length + aeadKeyLength * (terms.length + 1))
  bytes.writeUInt32BE(description.length)
  description.copy(bytes, 4)
  let offset = 4 + description.length
  for (const key of [derivation, ...terms.map((term) => term.key)]) {
    const exported = key.export()
    offset += exported.copy(bytes, offset)
    exported.fill(0)
  }
  return bytes
}

function decode(bytes: Buffer): KeyringContent {
  const keysAt = 4 + bytes.readUInt32BE()
  const { terms, rotation } = JSON.parse(bytes.toString('utf8', 4, keysAt)) as Description
  const length = keysAt + aeadKeyLength * (terms.length + 1)
  if (terms.length === 0 || bytes.length !== length) throw internal('the keyring record has a wrong length')
  const keyAt = (index: number): KeyObject => {
    const at = keysAt + aeadKeyLength * index
    return createSecretKey(bytes.subarray(at, at + aeadKeyLength))
  }
  return {
    derivation: keyAt(0),
    terms: terms.map(({ term, installed }, index) => ({ term, installed, key: keyAt(index + 1) })),
    rotation,
  }
}
