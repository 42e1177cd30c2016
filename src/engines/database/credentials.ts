/** Makes credentials: passwords by policy, RSA keys, client certificates. */
import { createPublicKey, generateKeyPair } from 'node:crypto'
import { promisify } from 'node:util'
import { badRequest } from '../../kit/errors.ts'
import type { Call } from '../../kit/operation.ts'
import { randomName } from '../../crypto/name-template.ts'
import { makeClientCertificate, parseCertificateConfig } from './client-certificates.ts'
import type { Credential, CredentialType } from './driver.ts'
import type { CredentialConfig, Role, Secret } from './records.ts'

export type Maker = Pick<Call<never, never>, 'random' | 'makePassword'>

export const credentialTypes: readonly CredentialType[] = ['password', 'rsa_private_key', 'client_certificate']

/** Throws `bad_request` with Vault's words. */
export function parseCredentialType(text: string): CredentialType {
  const type = credentialTypes.find((known) => known === text)
  if (type === undefined) throw badRequest(`invalid credential_type ${JSON.stringify(text)}`)
  return type
}

/** What of a configuration counts, with its defaults. Throws `bad_request`. */
export function parseCredentialConfig(type: CredentialType, config: Readonly<Record<string, string>>): CredentialConfig {
  if (type === 'password') {
    const policy = config['password_policy'] ?? ''
    return policy === '' ? {} : { password_policy: policy }
  }
  return type === 'rsa_private_key' ? rsaConfig(config) : parseCertificateConfig(config)
}

function rsaConfig(config: Readonly<Record<string, string>>): CredentialConfig {
  const format = (config['format'] ?? '').toLowerCase() || 'pkcs8'
  const bits = Number(config['key_bits'] ?? 2048) || 2048
  if (format !== 'pkcs8') throw badRequest(`credential_config validation failed: invalid format: ${format}`)
  if (![2048, 3072, 4096].includes(bits)) throw badRequest(`credential_config validation failed: invalid key_bits: ${bits}`)
  return { format, key_bits: bits }
}

/** Twenty letters and digits hold 119 bits; the rest satisfies rules that want one of each. */
async function makeDefaultPassword({ random }: Maker): Promise<string> {
  const body = randomName(20, random)
  const one = (alphabet: string): string => alphabet[(random(1)[0] ?? 0) % alphabet.length] ?? ''
  // Divisors of 256: each letter is equally likely.
  return `${one('abcdefghijkmnpqr')}${one('ABCDEFGHJKLMNPQR')}${one('23456789')}-${body}`
}

/** A password by the policy, of the role or else of the connection. */
const makePasswordBy = (maker: Maker, policy: string): Promise<string> => (policy === '' ? makeDefaultPassword(maker) : maker.makePassword(policy))

const generate = promisify(generateKeyPair)

/** A secret that is kept. Throws `bad_request` when the policy is not there. */
export async function makeSecret(maker: Maker, type: CredentialType, config: CredentialConfig, policyOfConnection: string): Promise<Secret> {
  if (type === 'password') {
    const policy = String(config['password_policy'] ?? '') || policyOfConnection
    return { password: await makePasswordBy(maker, policy).catch((error: unknown) => Promise.reject(inWords(error))) }
  }
  const { privateKey } = await generate('rsa', { modulusLength: Number(config['key_bits'] ?? 2048) })
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  return { privateKey: pem, publicKey: createPublicKey(privateKey).export({ type: 'spki', format: 'pem' }).toString() }
}

const inWords = (error: unknown): Error => badRequest(`failed to generate password: ${error instanceof Error ? error.message : 'unknown'}`, { cause: error })

/** What the database is told of it. */
export function credentialOf(secret: Secret): Credential {
  return secret.publicKey === undefined ? { type: 'password', password: secret.password ?? '' } : { type: 'rsa_private_key', publicKey: secret.publicKey }
}

/** What whoever asked is told of it. */
export const shownSecret = ({ password, privateKey }: Secret): Readonly<Record<string, string>> =>
  privateKey === undefined ? { password: password ?? '' } : { rsa_private_key: privateKey }

/** What a new user gets: what the database hears of it, and what whoever asked is shown. */
export interface Made {
  readonly credential: Credential
  readonly shown: Readonly<Record<string, string>>
}

interface ForUser {
  readonly role: Role
  readonly roleName: string
  readonly username: string
  readonly displayName: string
  readonly policyOfConnection: string
}

/** Begins to make a credential; what has an end of its own is made when that is known. */
export async function credentialFor(call: Maker & { readonly now: number }, { role, roleName, username, displayName, policyOfConnection }: ForUser): Promise<(expiresAt: number) => Promise<Made>> {
  const { credentialType, credentialConfig } = role
  if (credentialType === 'client_certificate') {
    const fields = { DisplayName: displayName, RoleName: roleName, Username: username }
    return async (expiresAt) => {
      const { subject, certificate, privateKey, keyType } = await makeClientCertificate(credentialConfig, { fields, expiresAt, now: call.now, random: call.random })
      return { credential: { type: 'client_certificate', subject }, shown: { client_certificate: certificate, private_key: privateKey, private_key_type: keyType } }
    }
  }
  const secret = await makeSecret(call, credentialType, credentialConfig, policyOfConnection)
  return () => Promise.resolve({ credential: credentialOf(secret), shown: shownSecret(secret) })
}

/** Part of an answer; nothing where there is nothing. The key of a certificate authority is never shown. */
export function shownConfig(config: CredentialConfig): Readonly<Record<string, unknown>> {
  const { ca_private_key: _, ...shown } = config
  return Object.keys(shown).length === 0 ? {} : { credential_config: shown }
}
