/** Data under a key that stays in the token: AES-GCM, RSA with OAEP, or AES-CBC with a MAC over what came of it (encrypt, then MAC). */
import { constants, createPublicKey, publicEncrypt, randomBytes, timingSafeEqual } from 'node:crypto'
import { TokenError } from './errors.ts'
import { layGcm, layMechanism, layOaep, type Laid } from './layout.ts'
import type { KeyName, WrapMechanism, Wrapped, WrapTerms } from './messages.ts'
import { keyTypes, mechanisms, type HashName } from './numbers.ts'
import { publicPartOf } from './pairs.ts'
import { className, compute, findKey, generatePair, generateSecret, nameOf, supports, type Session } from './session.ts'

const gcmIvBytes = 12
const cbcIvBytes = 16
const none = Buffer.alloc(0)

type Terms = Omit<Wrapped, 'iv' | 'ciphertext' | 'mac'>

/** Throws `TokenError`. */
export function wrap(session: Session, terms: WrapTerms, data: Uint8Array, context: Uint8Array): Wrapped {
  const mechanism = terms.mechanism ?? bestMechanism(session, terms)
  const chosen: Terms = { key: terms.key, mechanism, macKey: mechanism === 'AES_CBC_PAD' ? terms.macKey : null, oaepHash: terms.oaepHash }
  if (terms.generates) generateMissing(session, chosen)
  return ways[mechanism].wrap(session, chosen, data, context, terms.encryptsInToken)
}

/** Throws `TokenError`: `foreign` for what was changed, or wrapped by another key. */
export function unwrap(session: Session, wrapped: Wrapped, context: Uint8Array): Buffer {
  const way = ways[wrapped.mechanism]
  try {
    return way.unwrap(session, wrapped, context)
  } catch (error) {
    // Some libraries say CKR_GENERAL_ERROR of both, a wrong tag and a broken token. One that decrypts what it has just encrypted is not broken.
    if (error instanceof TokenError && error.failure === 'away' && isWorking(session, wrapped)) throw new TokenError('foreign', error.message)
    throw error
  }
}

function isWorking(session: Session, terms: Wrapped): boolean {
  const trial = randomBytes(16)
  const way = ways[terms.mechanism]
  try {
    return way.unwrap(session, way.wrap(session, terms, trial, none, false), none).equals(trial)
  } catch {
    return false
  }
}

/** What the key is for, else what the token can do. */
function bestMechanism(session: Session, { key, macKey }: WrapTerms): WrapMechanism {
  if (findKey(session, 'secret', key) === null && findKey(session, 'private', key) !== null) return 'RSA_PKCS_OAEP'
  if (supports(session, mechanisms.aesGcm)) return 'AES_GCM'
  if (macKey !== null) return 'AES_CBC_PAD'
  throw new TokenError('refused', 'the token has no AES-GCM: use an RSA key, or name a key for a MAC (hmac_key_label) too')
}

interface Way {
  readonly wrap: (session: Session, terms: Terms, data: Uint8Array, context: Uint8Array, inToken: boolean) => Wrapped
  readonly unwrap: (session: Session, wrapped: Wrapped, context: Uint8Array) => Buffer
}

const ways: Readonly<Record<WrapMechanism, Way>> = {
  AES_GCM: {
    wrap(session, terms, data, context) {
      const iv = randomBytes(gcmIvBytes)
      // Tokens that insist on an IV of their own write it over this one.
      const ciphertext = compute(session, 'Encrypt', resolveKey(session, 'secret', terms.key), layMechanism(session.native, mechanisms.aesGcm, layGcm(session.native, iv, context)), data)
      return { ...terms, iv, ciphertext, mac: none }
    },
    unwrap: (session, { key, iv, ciphertext }, context) =>
      compute(session, 'Decrypt', resolveKey(session, 'secret', key), layMechanism(session.native, mechanisms.aesGcm, layGcm(session.native, Buffer.from(iv), context)), ciphertext),
  },
  RSA_PKCS_OAEP: {
    wrap: (session, terms, data, _context, inToken) => ({ ...terms, iv: none, ciphertext: encryptRsa(session, terms, data, inToken), mac: none }),
    unwrap: (session, { key, oaepHash, ciphertext }) => compute(session, 'Decrypt', resolveKey(session, 'private', key), oaep(session, oaepHash), ciphertext),
  },
  AES_CBC_PAD: {
    wrap(session, terms, data, context) {
      const iv = randomBytes(cbcIvBytes)
      const ciphertext = compute(session, 'Encrypt', resolveKey(session, 'secret', terms.key), cbc(session, iv), data)
      return { ...terms, iv, ciphertext, mac: macOver(session, terms.macKey, context, iv, ciphertext) }
    },
    unwrap(session, { key, macKey, iv, ciphertext, mac }, context) {
      const expected = macOver(session, macKey, context, iv, ciphertext)
      if (mac.length !== expected.length || !timingSafeEqual(mac, expected)) throw new TokenError('foreign', 'the MAC is not that of this key')
      return compute(session, 'Decrypt', resolveKey(session, 'secret', key), cbc(session, Buffer.from(iv)), ciphertext)
    },
  },
}

const oaep = ({ native }: Session, hash: HashName): Laid => layMechanism(native, mechanisms.rsaOaep, layOaep(hash))
const cbc = ({ native }: Session, iv: Buffer): Laid => layMechanism(native, mechanisms.aesCbcPad, { bytes: iv, count: 1, held: [] })

function encryptRsa(session: Session, { key, oaepHash }: Terms, data: Uint8Array, inToken: boolean): Buffer {
  if (inToken) return compute(session, 'Encrypt', resolveKey(session, 'public', key), oaep(session, oaepHash), data)
  const part = publicPartOf(session, key)
  if (part?.type !== 'rsa') throw absent('private', key)
  const publicKey = createPublicKey({ key: Buffer.from(part.spki), format: 'der', type: 'spki' })
  return publicEncrypt({ key: publicKey, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash }, data)
}

/** Lengths stand in it too, so that nothing can move from one part into the next. */
function macOver(session: Session, macKey: KeyName | null, context: Uint8Array, iv: Uint8Array, ciphertext: Uint8Array): Buffer {
  if (macKey === null) throw new TokenError('refused', 'AES_CBC_PAD takes a key for a MAC as well: hmac_key_label')
  const lengths = Buffer.alloc(8)
  lengths.writeUInt32BE(context.length, 0)
  lengths.writeUInt32BE(iv.length, 4)
  return compute(session, 'Sign', resolveKey(session, 'secret', macKey), layMechanism(session.native, mechanisms.sha256Hmac), Buffer.concat([lengths, context, iv, ciphertext]))
}

function resolveKey(session: Session, kind: keyof typeof className, key: KeyName): bigint {
  const found = findKey(session, kind, key)
  if (found === null) throw absent(kind, key)
  return found
}

const absent = (kind: keyof typeof className, key: KeyName): TokenError => new TokenError('absent', `the token has no ${className[kind]} ${nameOf(key)}`)

const rsaBits = 4_096
const aesBytes = 32
const own = { token: true, private: true, sensitive: true, extractable: false } as const
const naming = ({ label, id }: KeyName) => ({ ...(label !== '' && { label }), ...(id !== '' && { id: Buffer.from(id, 'hex') }) })

/** Keys that never leave the token. */
function generateMissing(session: Session, { key, macKey, mechanism }: Terms): void {
  const { native } = session
  if (mechanism === 'RSA_PKCS_OAEP') {
    if (findKey(session, 'private', key) !== null) return
    const ofPublic = { token: true, private: false, encrypt: true, modulusBits: rsaBits, publicExponent: Buffer.from([1, 0, 1]), ...naming(key) }
    return generatePair(session, layMechanism(native, mechanisms.rsaKeyGeneration), ofPublic, { ...own, decrypt: true, ...naming(key) })
  }
  if (findKey(session, 'secret', key) === null) {
    generateSecret(session, layMechanism(native, mechanisms.aesKeyGeneration), { class: 4, keyType: keyTypes.aes, ...own, encrypt: true, decrypt: true, valueLength: aesBytes, ...naming(key) })
  }
  if (macKey !== null && findKey(session, 'secret', macKey) === null) {
    generateSecret(session, layMechanism(native, mechanisms.genericKeyGeneration), { class: 4, keyType: keyTypes.generic, ...own, sign: true, verify: true, valueLength: aesBytes, ...naming(macKey) })
  }
}

