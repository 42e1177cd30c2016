/** Certificates of OpenSSH (PROTOCOL.certkeys): writing and signing them. */
import { createPublicKey, sign, type KeyObject } from 'node:crypto'
import { promisify } from 'node:util'
import { sshPublicKeyOf, type SshPublicKey } from './ssh-public-key.ts'
import { sshMpint, sshString, sshUint32, sshUint64 } from './ssh-wire.ts'

export type RsaSignature = 'ssh-rsa' | 'rsa-sha2-256' | 'rsa-sha2-512'
export const rsaSignatures: readonly RsaSignature[] = ['ssh-rsa', 'rsa-sha2-256', 'rsa-sha2-512']

export interface SshCertificate {
  readonly key: SshPublicKey
  readonly serial: bigint
  readonly type: 'user' | 'host'
  readonly keyId: string
  /** Empty: everybody. */
  readonly principals: readonly string[]
  /** Seconds since 1970. */
  readonly validAfter: number
  readonly validBefore: number
  readonly criticalOptions: Readonly<Record<string, string>>
  readonly extensions: Readonly<Record<string, string>>
}

export interface SshSigner {
  /** The public half, as it stands in certificates. */
  readonly blob: Buffer
  readonly sign: (message: Buffer) => Promise<Buffer>
}

const suffix = '-cert-v01@openssh.com'
/** `sk-ssh-ed25519@openssh.com` becomes `sk-ssh-ed25519-cert-v01@openssh.com`. */
const certificateType = (type: string): string => type.replace(/@openssh\.com$/, '') + suffix

const signInThread = promisify(sign as (algorithm: string | null, data: Buffer, key: KeyObject, callback: (error: Error | null, signature: Buffer) => void) => void)
const digests: Readonly<Record<RsaSignature, string>> = { 'ssh-rsa': 'sha1', 'rsa-sha2-256': 'sha256', 'rsa-sha2-512': 'sha512' }
const ecdsaDigests: Readonly<Record<number, string>> = { 256: 'sha256', 384: 'sha384', 521: 'sha512' }

/** `rsa` says how an RSA key signs; with the others there is no choice. */
export function sshSigner(key: KeyObject, rsa: RsaSignature): SshSigner {
  const { blob, type, kind, bits } = sshPublicKeyOf(createPublicKey(key))
  const named = (algorithm: string, signature: Buffer): Buffer => Buffer.concat([sshString(algorithm), sshString(signature)])
  // RSA takes a millisecond and more, so it does not hold up other requests; the others are done sooner than a thread could be asked.
  if (kind === 'rsa') return { blob, sign: async (message) => named(rsa, await signInThread(digests[rsa], message, key)) }
  if (kind === 'ed25519') return { blob, sign: async (message) => named(type, sign(null, message, key)) }
  const digest = ecdsaDigests[bits] ?? 'sha256'
  return {
    blob,
    sign: async (message) => {
      const both = sign(digest, message, { key, dsaEncoding: 'ieee-p1363' })
      return named(type, Buffer.concat([sshMpint(both.subarray(0, both.length / 2)), sshMpint(both.subarray(both.length / 2))]))
    },
  }
}

/** A list of names with their data, in the order of their bytes; data that are not empty are a string inside the string. */
function packOptions(options: Readonly<Record<string, string>>): Buffer {
  const names = Object.keys(options).sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
  const data = (value: string): Buffer => (value === '' ? sshString('') : sshString(sshString(value)))
  return sshString(Buffer.concat(names.flatMap((name) => [sshString(name), data(options[name] ?? '')])))
}

/** The certificate as one line, with its line end. `nonce` are 32 random bytes. */
export async function signSshCertificate(certificate: SshCertificate, nonce: Uint8Array, signer: SshSigner): Promise<string> {
  const { key, serial, type, keyId, principals, validAfter, validBefore, criticalOptions, extensions } = certificate
  const name = certificateType(key.type)
  const body = Buffer.concat([
    sshString(name), sshString(nonce), key.blob.subarray(4 + key.type.length),
    sshUint64(serial), sshUint32(type === 'user' ? 1 : 2), sshString(keyId), sshString(Buffer.concat(principals.map(sshString))),
    sshUint64(BigInt(validAfter)), sshUint64(BigInt(validBefore)), packOptions(criticalOptions), packOptions(extensions), sshString(''),
    sshString(signer.blob),
  ])
  const whole = Buffer.concat([body, sshString(await signer.sign(body))])
  return `${name} ${whole.toString('base64')}\n`
}
