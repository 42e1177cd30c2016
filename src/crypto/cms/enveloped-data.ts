/** Enveloped data for one RSA key (RFC 5652 §6, RFC 3370 §4.2.1): what SCEP encrypts requests and answers with. */
import { constants, createCipheriv, createDecipheriv, privateDecrypt, publicEncrypt, type KeyObject } from 'node:crypto'
import { explicit, implicit, integer, nothing, octetString, oid, sequence, setOf, tagged, tags } from '../der.ts'
import { DerError, DerReader, readOid } from '../der-reader.ts'
import { readContentInfo } from './signed-data.ts'

export interface ContentCipher {
  /** As the configuration names it. */
  readonly name: 'aes128-cbc' | 'aes256-cbc' | '3des-cbc'
  readonly node: string
  readonly oid: string
  readonly keyLength: number
  readonly blockLength: number
}

export const contentCiphers: readonly ContentCipher[] = Object.freeze([
  { name: 'aes128-cbc', node: 'aes-128-cbc', oid: '2.16.840.1.101.3.4.1.2', keyLength: 16, blockLength: 16 },
  { name: 'aes256-cbc', node: 'aes-256-cbc', oid: '2.16.840.1.101.3.4.1.42', keyLength: 32, blockLength: 16 },
  { name: '3des-cbc', node: 'des-ede3-cbc', oid: '1.2.840.113549.3.7', keyLength: 24, blockLength: 8 },
])

export interface EnvelopedData {
  readonly recipients: readonly { readonly issuer: Buffer; readonly serial: Buffer; readonly encryptedKey: Buffer }[]
  readonly cipher: ContentCipher
  readonly iv: Buffer
  readonly encrypted: Buffer
}

const envelopedType = '1.2.840.113549.1.7.3'
const rsaEncryption = '1.2.840.113549.1.1.1'
const recipientsMax = 20

/** Throws `DerError` for what is no such message, or uses algorithms that are not known here. */
export function parseEnvelopedData(der: Uint8Array): EnvelopedData {
  const reader = readContentInfo(der, envelopedType)
  reader.next(tags.integer)
  reader.optional(0xa0)
  const infos = reader.enter(tags.set).rest()
  if (infos.length > recipientsMax) throw new DerError('there are too many recipients')
  const recipients = infos.filter(({ tag }) => tag === tags.sequence).map(({ content }) => parseRecipient(new DerReader(content)))
  const info = reader.enter()
  reader.optional(0xa1)
  reader.end()
  readOid(info)
  const algorithm = info.enter()
  const id = readOid(algorithm)
  const cipher = contentCiphers.find((known) => known.oid === id)
  const iv = algorithm.next(tags.octetString).content
  if (cipher === undefined || iv.length !== cipher.blockLength) throw new DerError('the content encryption is not supported')
  const encrypted = info.next(0x80).content
  info.end()
  return { recipients, cipher, iv, encrypted }
}

function parseRecipient(reader: DerReader): EnvelopedData['recipients'][number] {
  reader.next(tags.integer)
  const id = reader.enter()
  const issuer = id.next(tags.sequence).whole
  const serial = id.next(tags.integer).content
  id.end()
  if (readOid(reader.enter()) !== rsaEncryption) throw new DerError('the key encryption is not supported')
  const encryptedKey = reader.next(tags.octetString).content
  reader.end()
  return { issuer, serial: serial.length > 1 && serial[0] === 0 ? serial.subarray(1) : serial, encryptedKey }
}

/**
 * The content, or null. A key that was encrypted wrongly is replaced by a random one, so that nothing tells whether its padding or the content was at fault
 * (RFC 3218 §2.3.2).
 */
export function openEnvelope({ cipher, iv, encrypted }: EnvelopedData, encryptedKey: Buffer, key: KeyObject, random: (bytes: number) => Uint8Array): Buffer | null {
  const contentKey = unwrapKey(encryptedKey, key, cipher.keyLength, random)
  try {
    const decipher = createDecipheriv(cipher.node, contentKey, iv)
    return Buffer.concat([decipher.update(encrypted), decipher.final()])
  } catch {
    return null
  }
}

/** PKCS #1 v1.5 padding of a key whose length is known, taken off without a branch that depends on it. */
function unwrapKey(encrypted: Buffer, key: KeyObject, length: number, random: (bytes: number) => Uint8Array): Buffer {
  const substitute = random(length)
  const block = decryptBlock(encrypted, key)
  if (block === null || block.length < length + 11) return Buffer.from(substitute)
  const start = block.length - length
  let wrong = (block[0] ?? 1) | ((block[1] ?? 0) ^ 2) | (block[start - 1] ?? 1)
  for (let i = 2; i < start - 1; i++) wrong |= Number(block[i] === 0)
  const mask = (((wrong | -wrong) >> 31) & 0xff) >>> 0
  return Buffer.from(substitute.map((byte, i) => (byte & mask) | ((block[start + i] ?? 0) & ~mask & 0xff)))
}

function decryptBlock(encrypted: Buffer, key: KeyObject): Buffer | null {
  try {
    return privateDecrypt({ key, padding: constants.RSA_NO_PADDING }, encrypted)
  } catch {
    return null
  }
}

export interface Recipient {
  /** DER name and big-endian number of the certificate. */
  readonly issuer: Uint8Array
  readonly serial: Uint8Array
  /** RSA. */
  readonly key: KeyObject
}

export function writeEnvelopedData(content: Uint8Array, { issuer, serial, key }: Recipient, cipher: ContentCipher, random: (bytes: number) => Uint8Array): Buffer {
  const contentKey = random(cipher.keyLength)
  const iv = random(cipher.blockLength)
  const encryption = createCipheriv(cipher.node, contentKey, iv)
  const encrypted = Buffer.concat([encryption.update(content), encryption.final()])
  const encryptedKey = publicEncrypt({ key, padding: constants.RSA_PKCS1_PADDING }, contentKey)
  const number = tagged(tags.integer, (serial[0] ?? 0) & 0x80 ? Buffer.concat([Buffer.alloc(1), serial]) : serial)
  const recipient = sequence(integer(0), sequence(issuer, number), sequence(oid(rsaEncryption), nothing), octetString(encryptedKey))
  const info = sequence(oid('1.2.840.113549.1.7.1'), sequence(oid(cipher.oid), octetString(iv)), implicit(0, encrypted))
  return sequence(oid(envelopedType), explicit(0, sequence(integer(0), setOf(recipient), info)))
}
