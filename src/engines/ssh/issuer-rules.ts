/** Key pairs of certificate authorities: given, or generated. */
import { createHash, createPublicKey } from 'node:crypto'
import { formatSshPublicKey, parseSshPublicKey, sshPublicKeyOf, type SshPublicKey } from '../../crypto/ssh-public-key.ts'
import { generateSshKey, parseSshPrivateKey, type SshKeyForm } from '../../crypto/ssh-private-key.ts'
import { SshFormatError } from '../../crypto/ssh-wire.ts'
import { badRequest } from '../../kit/errors.ts'

export interface KeyPair {
  readonly publicKey: string
  /** PKCS #8 in PEM. */
  readonly privateKey: string
  readonly fingerprint: string
}

export interface KeyPairRequest {
  readonly public_key: string
  readonly private_key: string
  readonly generate_signing_key?: boolean
  readonly key_type: string
  readonly key_bits: number
}

const rsaBits = { standard: 4096, min: 2048, max: 8192 }
const curves = { 256: 'P-256', 384: 'P-384', 521: 'P-521' } as const

/** Which key `key_type` and `key_bits` (0: the usual number) ask for. Throws `bad_request`. */
export function parseKeyForm(type: string, bits: number): SshKeyForm {
  if (type === 'ed25519' || type === 'ssh-ed25519') return { kind: 'ed25519' }
  if (type === 'rsa' || type === 'ssh-rsa') return { kind: 'rsa', bits: checkRsaBits(type, bits === 0 ? rsaBits.standard : bits) }
  const named = /^ecdsa-sha2-nistp(256|384|521)$/.exec(type)?.[1]
  if (type !== 'ec' && named === undefined) throw badRequest(`unknown ssh key pair algorithm: ${type}`)
  const size = named === undefined ? (bits === 0 ? 256 : bits) : Number(named)
  const curve = (curves as Readonly<Record<number, 'P-256' | 'P-384' | 'P-521' | undefined>>)[size]
  if (curve === undefined) throw badRequest(`unknown ECDSA key pair algorithm and bits: ${type} / ${bits}`)
  return { kind: 'ec', curve }
}

function checkRsaBits(type: string, bits: number): number {
  if (bits < rsaBits.min) throw badRequest(`refusing to generate weak ${type} key: ${bits} bits < ${rsaBits.min} bits`)
  if (bits > rsaBits.max) throw badRequest(`key_bits: an RSA key has at most ${rsaBits.max} bits`)
  return bits
}

const fingerprintOf = ({ blob }: SshPublicKey): string => createHash('sha256').update(blob).digest('hex')

/** Throws `bad_request` as Vault says it, and for halves that do not belong together. */
export async function obtainKeyPair(request: KeyPairRequest): Promise<KeyPair> {
  const { public_key: given, private_key: secret, generate_signing_key: generate } = request
  const isGiven = given !== '' || secret !== ''
  if (generate === true && isGiven) throw badRequest('public_key and private_key must not be set when generate_signing_key is set to true')
  if (isGiven) return importKeyPair(given, secret)
  if (generate === false) throw badRequest('missing public_key')
  const key = await generateSshKey(parseKeyForm(request.key_type, request.key_bits))
  const publicKey = sshPublicKeyOf(createPublicKey(key))
  return { publicKey: formatSshPublicKey(publicKey), privateKey: key.export({ type: 'pkcs8', format: 'pem' }).toString(), fingerprint: fingerprintOf(publicKey) }
}

function importKeyPair(given: string, secret: string): KeyPair {
  if (given === '' || secret === '') {
    throw badRequest('only one of public_key and private_key set; both must be set to use, or both must be blank to auto-generate')
  }
  const publicKey = parsedAs('could not parse public_key provided value', () => parseSshPublicKey(given))
  const key = parsedAs('could not parse private_key provided value', () => parseSshPrivateKey(secret))
  if (!sshPublicKeyOf(createPublicKey(key)).blob.equals(publicKey.blob)) throw badRequest('public_key and private_key do not belong together')
  return { publicKey: given, privateKey: key.export({ type: 'pkcs8', format: 'pem' }).toString(), fingerprint: fingerprintOf(publicKey) }
}

/** What is wrong with the format of a key becomes a `bad_request` that says so after `what`. */
export function parsedAs<T>(what: string, parse: () => T): T {
  try {
    return parse()
  } catch (error) {
    if (error instanceof SshFormatError) throw badRequest(`${what}: ${error.message}`)
    throw error
  }
}
