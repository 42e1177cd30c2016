/** Private keys of SSH: OpenSSH's own file format (PROTOCOL.key) without a passphrase, and the PEM forms that OpenSSL knows. */
import { createPrivateKey, createPublicKey, generateKeyPair, randomBytes, type JsonWebKey, type KeyObject } from 'node:crypto'
import { promisify } from 'node:util'
import { generateRsaKey } from './key-pairs.ts'
import { curveOf, isEcdsaType, sshPublicKeyOf } from './ssh-public-key.ts'
import { SshFormatError, SshReader, sshString, sshUint32 } from './ssh-wire.ts'

const magic = Buffer.from('openssh-key-v1\0')
const armour = /^-----BEGIN OPENSSH PRIVATE KEY-----\s+([A-Za-z0-9+/=\s]+?)\s*-----END OPENSSH PRIVATE KEY-----\s*$/
/** A PEM of an RSA key of 16,384 bits has 13,000 characters. */
const textMax = 32_768

/** Throws `SshFormatError`, whose text never quotes the key; also for a key under a passphrase. */
export function parseSshPrivateKey(text: string): KeyObject {
  if (text.length > textMax) throw new SshFormatError(`it is longer than ${textMax} characters`)
  const body = armour.exec(text.trim())?.[1]
  const key = body === undefined ? parsePem(text) : parseOpenSsh(Buffer.from(body, 'base64'))
  sshPublicKeyOf(createPublicKey(key)) // refuses types that SSH does not have
  return key
}

function parsePem(text: string): KeyObject {
  if (/ENCRYPTED/.test(text)) throw new SshFormatError('it is protected by a passphrase')
  try {
    return createPrivateKey(text)
  } catch {
    throw new SshFormatError('it is neither an OpenSSH key nor a key in PEM') // the cause could quote it
  }
}

function parseOpenSsh(bytes: Buffer): KeyObject {
  if (!bytes.subarray(0, magic.length).equals(magic)) throw new SshFormatError('it does not begin like an OpenSSH key')
  const reader = new SshReader(bytes.subarray(magic.length))
  const isPlain = reader.text() === 'none' && reader.text() === 'none'
  if (!isPlain) throw new SshFormatError('it is protected by a passphrase')
  reader.bytes() // options of the key derivation
  if (reader.uint32() !== 1) throw new SshFormatError('it holds more than one key')
  const announced = reader.bytes()
  const key = readPrivatePart(new SshReader(reader.bytes()))
  reader.end()
  if (!sshPublicKeyOf(createPublicKey(key)).blob.equals(announced)) throw new SshFormatError('its two halves do not belong together')
  return key
}

function readPrivatePart(reader: SshReader): KeyObject {
  if (reader.uint32() !== reader.uint32()) throw new SshFormatError('its check numbers differ')
  const jwk = readJwk(reader.text(), reader)
  reader.text() // comment
  const padding = reader.rest()
  if (padding.length > 15 || padding.some((byte, i) => byte !== i + 1)) throw new SshFormatError('its padding is wrong')
  try {
    return createPrivateKey({ key: jwk, format: 'jwk' })
  } catch {
    throw new SshFormatError('its numbers do not make a key')
  }
}

const base64url = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url')

function readJwk(type: string, reader: SshReader): JsonWebKey {
  if (type === 'ssh-rsa') return readRsaJwk(reader)
  if (type === 'ssh-ed25519') {
    const x = reader.bytes()
    const [seed, again] = halves(reader.bytes())
    if (!again.equals(x)) throw new SshFormatError('its two halves do not belong together')
    return { kty: 'OKP', crv: 'Ed25519', x: base64url(x), d: base64url(seed) }
  }
  if (!isEcdsaType(type)) throw new SshFormatError('keys of this type cannot sign certificates')
  reader.bytes() // the name of the curve, which the public half says as well
  const [x, y] = halves(reader.bytes().subarray(1))
  return { kty: 'EC', crv: curveOf(type), x: base64url(x), y: base64url(y), d: base64url(leftPadded(reader.mpint(), x.length)) }
}

const halves = (bytes: Buffer): [Buffer, Buffer] => [bytes.subarray(0, bytes.length / 2), bytes.subarray(bytes.length / 2)]

function leftPadded(bytes: Buffer, length: number): Buffer {
  if (bytes.length > length) throw new SshFormatError('a number is too large for its curve')
  return Buffer.concat([Buffer.alloc(length - bytes.length), bytes])
}

function readRsaJwk(reader: SshReader): JsonWebKey {
  const [n, e, d, qi, p, q] = [reader.mpint(), reader.mpint(), reader.mpint(), reader.mpint(), reader.mpint(), reader.mpint()]
  const number = (bytes: Buffer): bigint => BigInt(`0x0${bytes.toString('hex')}`)
  const below = (prime: Buffer): string => {
    if (number(prime) < 3n) throw new SshFormatError('its numbers do not make a key')
    const hex = (number(d) % (number(prime) - 1n)).toString(16)
    return base64url(Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex'))
  }
  return { kty: 'RSA', n: base64url(n), e: base64url(e), d: base64url(d), p: base64url(p), q: base64url(q), dp: below(p), dq: below(q), qi: base64url(qi) }
}

/** An Ed25519 key as `ssh-keygen` writes it, without a passphrase. */
function formatOpenSsh(key: KeyObject): string {
  const { d = '', x = '' } = key.export({ format: 'jwk' })
  const [seed, point] = [Buffer.from(d, 'base64url'), Buffer.from(x, 'base64url')]
  const check = randomBytes(4)
  const secret = Buffer.concat([check, check, sshString('ssh-ed25519'), sshString(point), sshString(Buffer.concat([seed, point])), sshString('')])
  const padding = Uint8Array.from({ length: (8 - (secret.length % 8)) % 8 }, (_, i) => i + 1)
  const { blob } = sshPublicKeyOf(createPublicKey(key))
  const whole = Buffer.concat([
    magic, sshString('none'), sshString('none'), sshString(''), sshUint32(1), sshString(blob), sshString(Buffer.concat([secret, padding])),
  ])
  const lines = whole.toString('base64').match(/.{1,70}/g) ?? []
  return `-----BEGIN OPENSSH PRIVATE KEY-----\n${lines.join('\n')}\n-----END OPENSSH PRIVATE KEY-----\n`
}

export type SshKeyForm = { readonly kind: 'ed25519' } | { readonly kind: 'ec'; readonly curve: 'P-256' | 'P-384' | 'P-521' } | { readonly kind: 'rsa'; readonly bits: number }

const generate = promisify(generateKeyPair)

/** A new key. Throws `overloaded` when too many of RSA wait. */
export async function generateSshKey(form: SshKeyForm): Promise<KeyObject> {
  if (form.kind === 'ed25519') return (await generate('ed25519')).privateKey
  if (form.kind === 'ec') return (await generate('ec', { namedCurve: form.curve })).privateKey
  return await generateRsaKey(form.bits)
}

/** As each kind of key is usually kept in a file. */
export function formatSshPrivateKey(key: KeyObject): string {
  if (key.asymmetricKeyType === 'ed25519') return formatOpenSsh(key)
  return key.export({ format: 'pem', type: key.asymmetricKeyType === 'rsa' ? 'pkcs1' : 'sec1' }).toString()
}
