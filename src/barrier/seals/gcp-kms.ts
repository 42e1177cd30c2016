/** The root key under a key of Google Cloud KMS: `cryptoKeys.encrypt` and `decrypt` of its REST API, version 1, with a service account. */
import { createPrivateKey, sign } from 'node:crypto'
import { badRequest } from '../../kit/errors.ts'
import { accessTokens } from './access-token.ts'
import { parseObject, refusedBy, remoteSender, textIn, type RemoteAnswer } from './remote.ts'
import type { Seal } from './seal.ts'

export interface GcpServiceAccount {
  readonly email: string
  /** PEM. */
  readonly privateKey: string
  readonly privateKeyId: string
  readonly tokenUrl: string
}

export interface GcpKmsSeal {
  readonly account: GcpServiceAccount
  readonly project: string
  readonly region: string
  readonly keyRing: string
  readonly cryptoKey: string
  /** `https://cloudkms.googleapis.com` */
  readonly endpoint: string
  readonly now: () => number
}

const service = 'Google Cloud KMS'
const scope = 'https://www.googleapis.com/auth/cloudkms'

export function gcpKmsSeal({ account, project, region, keyRing, cryptoKey, endpoint, now }: GcpKmsSeal): Seal {
  const send = remoteSender(service)
  const form = () => ({ grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion: assertionOf(account, Math.floor(now() / 1000)) })
  const token = accessTokens(service, send, { url: account.tokenUrl, form }, now)
  const [p, r, ring, key] = [project, region, keyRing, cryptoKey].map(encodeURIComponent)
  const url = `${endpoint.replace(/\/+$/, '')}/v1/projects/${p}/locations/${r}/keyRings/${ring}/cryptoKeys/${key}`
  const ask = async (action: string, body: object): Promise<RemoteAnswer> =>
    send({ method: 'POST', url: `${url}:${action}`, headers: { authorization: `Bearer ${await token()}`, 'content-type': 'application/json' }, body: JSON.stringify(body) })
  return Object.freeze({
    type: 'gcpckms',
    isAutomatic: true,
    async wrap(rootKey: Uint8Array) {
      const answer = await ask('encrypt', { plaintext: Buffer.from(rootKey).toString('base64') })
      if (answer.status !== 200) throw refusedBy(service, answer, 'encrypt')
      return Buffer.from(textIn(service, answer.json, 'ciphertext'), 'base64')
    },
    async unwrap(wrapped: Uint8Array) {
      const answer = await ask('decrypt', { ciphertext: Buffer.from(wrapped).toString('base64') })
      if (answer.status === 400) return null
      if (answer.status !== 200) throw refusedBy(service, answer, 'decrypt')
      return Buffer.from(textIn(service, answer.json, 'plaintext'), 'base64')
    },
  })
}

/** RFC 7523: the account says who it is, signed with its key, for an hour. */
function assertionOf({ email, privateKey, privateKeyId, tokenUrl }: GcpServiceAccount, now: number): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const text = `${part({ alg: 'RS256', typ: 'JWT', kid: privateKeyId })}.${part({ iss: email, scope, aud: tokenUrl, iat: now, exp: now + 3600 })}`
  return `${text}.${sign('sha256', Buffer.from(text), privateKey).toString('base64url')}`
}

/** The account that a credentials file holds. Throws 'bad_request' naming what is wrong, never what stands there. */
export function parseServiceAccount(text: string): GcpServiceAccount {
  const stored = parseObject(text)
  if (stored === null) throw badRequest('the credentials are no JSON object')
  const read = (name: string): string => {
    const value = Object.hasOwn(stored, name) ? stored[name] : undefined
    if (typeof value !== 'string' || value === '') throw badRequest(`the credentials have no ${name}: they are to be those of a service account`)
    return value
  }
  const account = { email: read('client_email'), privateKey: read('private_key'), privateKeyId: read('private_key_id'), tokenUrl: read('token_uri') }
  try {
    createPrivateKey(account.privateKey)
  } catch {
    throw badRequest('private_key of the credentials is no key')
  }
  return account
}
