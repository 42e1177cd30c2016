/** Public keys of SSH: RFC 4253 (RSA), RFC 5656 (ECDSA), RFC 8709 (Ed25519), and OpenSSH's keys in hardware (PROTOCOL.u2f). */
import { createPublicKey, type KeyObject } from 'node:crypto'
import { SshFormatError, SshReader, sshMpint, sshString } from './ssh-wire.ts'

export type SshKeyKind = 'rsa' | 'ecdsa' | 'ed25519' | 'ecdsa-sk' | 'ed25519-sk'

export interface SshPublicKey {
  /** As it stands at the beginning of a line: `ssh-ed25519`. */
  readonly type: string
  readonly kind: SshKeyKind
  /** Length of an RSA modulus or size of a curve; 0 where there is no choice. */
  readonly bits: number
  /** The whole key as it goes over the wire. */
  readonly blob: Buffer
}

const curves = { 'ecdsa-sha2-nistp256': 'P-256', 'ecdsa-sha2-nistp384': 'P-384', 'ecdsa-sha2-nistp521': 'P-521' } as const
export type EcdsaType = keyof typeof curves
export const isEcdsaType = (type: string): type is EcdsaType => Object.hasOwn(curves, type)
export const curveOf = (type: EcdsaType): (typeof curves)[EcdsaType] => curves[type]
const curveBits = (type: EcdsaType): number => Number(type.slice(-3))

const rsaBitsMax = 16_384
/** Base64 of an RSA key of 16,384 bits has 2,800 characters. */
const textMax = 16_384

/** A key as `ssh-keygen` writes it: type, base64, comment; or its base64 alone. Throws `SshFormatError`. */
export function parseSshPublicKey(text: string): SshPublicKey {
  if (text.length > textMax) throw new SshFormatError(`it is longer than ${textMax} characters`)
  const words = text.trim().split(/\s+/)
  const base64 = words.length > 1 ? (words[1] ?? '') : (words[0] ?? '')
  const wrongAt = base64.search(/[^A-Za-z0-9+/=]|=[^=]/)
  if (wrongAt >= 0) throw new SshFormatError(`illegal base64 data at input byte ${wrongAt}`)
  if (base64.length % 4 !== 0 || /={3}$/.test(base64)) throw new SshFormatError(`illegal base64 data at input byte ${base64.length - (base64.length % 4)}`)
  return parseSshBlob(Buffer.from(base64, 'base64'))
}

/** A key as it goes over the wire; what is no point of its curve or no modulus is refused. Throws `SshFormatError`. */
export function parseSshBlob(blob: Buffer): SshPublicKey {
  const reader = new SshReader(blob)
  const type = reader.text()
  const { kind, bits } = readBody(type, reader)
  reader.end()
  return { type, kind, bits, blob }
}

function readBody(type: string, reader: SshReader): { readonly kind: SshKeyKind; readonly bits: number } {
  if (type === 'ssh-rsa') return { kind: 'rsa', bits: readRsa(reader) }
  if (type === 'ssh-ed25519') return { kind: 'ed25519', bits: readEd25519(reader) }
  if (isEcdsaType(type)) return { kind: 'ecdsa', bits: readEcdsa(type, reader) }
  if (type === 'sk-ssh-ed25519@openssh.com') return { kind: 'ed25519-sk', bits: readEd25519(reader) + readApplication(reader) }
  if (type === 'sk-ecdsa-sha2-nistp256@openssh.com') return { kind: 'ecdsa-sk', bits: readEcdsa('ecdsa-sha2-nistp256', reader) + readApplication(reader) }
  if (type.includes('-cert-v01@')) throw new SshFormatError('it is a certificate, not a key')
  throw new SshFormatError('its type is not one of ssh-ed25519, ecdsa-sha2-nistp256, -384 and -521, ssh-rsa and their sk- forms')
}

function readRsa(reader: SshReader): number {
  const exponent = reader.mpint()
  const modulus = reader.mpint()
  const bits = modulus.length * 8 - Math.clz32(modulus[0] ?? 0) + 24
  const isOdd = ((modulus.at(-1) ?? 0) & 1) === 1 && ((exponent.at(-1) ?? 0) & 1) === 1
  if (!isOdd || exponent.length > 4 || (exponent.length === 1 && exponent[0] === 1)) throw new SshFormatError('it is no RSA key')
  if (bits > rsaBitsMax) throw new SshFormatError(`an RSA key has at most ${rsaBitsMax} bits`)
  return bits
}

function readEd25519(reader: SshReader): 0 {
  if (reader.bytes().length !== 32) throw new SshFormatError('an Ed25519 key has 32 bytes')
  return 0
}

function readEcdsa(type: EcdsaType, reader: SshReader): number {
  if (reader.text() !== type.slice('ecdsa-sha2-'.length)) throw new SshFormatError('it names another curve than its type')
  importPoint(type, reader.bytes())
  return curveBits(type)
}

/** What a key in hardware signs for; its name in the signature is not ours to judge. */
function readApplication(reader: SshReader): 0 {
  reader.bytes()
  return 0
}

const coordinateLength = (type: EcdsaType): number => Math.ceil(curveBits(type) / 8)

/** Node refuses what is not on the curve. */
function importPoint(type: EcdsaType, point: Buffer): KeyObject {
  const length = coordinateLength(type)
  if (point.length !== 1 + 2 * length || point[0] !== 4) throw new SshFormatError('its point is not written as two coordinates')
  const [x, y] = [point.subarray(1, 1 + length), point.subarray(1 + length)]
  try {
    return createPublicKey({ format: 'jwk', key: { kty: 'EC', crv: curveOf(type), x: x.toString('base64url'), y: y.toString('base64url') } })
  } catch (cause) {
    throw new SshFormatError('its point is not on the curve', { cause })
  }
}

/** The public half of a key pair of Node's (RSA, EC on a NIST curve, Ed25519). Throws `SshFormatError` for others. */
export function sshPublicKeyOf(key: KeyObject): SshPublicKey {
  const { kty, crv, n = '', e = '', x = '', y = '' } = key.export({ format: 'jwk' })
  const bytes = (text: string): Buffer => Buffer.from(text, 'base64url')
  if (kty === 'RSA') return parseSshBlob(Buffer.concat([sshString('ssh-rsa'), sshMpint(bytes(e)), sshMpint(bytes(n))]))
  if (crv === 'Ed25519') return parseSshBlob(Buffer.concat([sshString('ssh-ed25519'), sshString(bytes(x))]))
  const type = (Object.keys(curves) as EcdsaType[]).find((candidate) => curves[candidate] === crv)
  if (type === undefined) throw new SshFormatError('keys of this type cannot be used for SSH')
  const point = Buffer.concat([Buffer.of(4), bytes(x), bytes(y)])
  return parseSshBlob(Buffer.concat([sshString(type), sshString(type.slice('ecdsa-sha2-'.length)), sshString(point)]))
}

/** One line without a comment, with its line end. */
export const formatSshPublicKey = ({ type, blob }: SshPublicKey): string => `${type} ${blob.toString('base64')}\n`
