/** The root key under a key of Azure Key Vault: `wrapkey` and `unwrapkey` of its REST API, version 7.4, with an application's client secret. */
import { accessTokens } from './access-token.ts'
import { refusedBy, remoteSender, textIn, type RemoteAnswer } from './remote.ts'
import { SealUnreachable, type Seal } from './seal.ts'

export interface AzureKeyVaultSeal {
  readonly tenantId: string
  readonly clientId: string
  readonly clientSecret: string
  /** `https://NAME.vault.azure.net` */
  readonly vaultUrl: string
  readonly keyName: string
  /** `https://login.microsoftonline.com` */
  readonly loginUrl: string
  /** `https://vault.azure.net` */
  readonly resource: string
  readonly now: () => number
}

const service = 'Azure Key Vault'
const version = 'api-version=7.4'
const algorithm = 'RSA-OAEP-256'

export function azureKeyVaultSeal({ tenantId, clientId, clientSecret, vaultUrl, keyName, loginUrl, resource, now }: AzureKeyVaultSeal): Seal {
  const send = remoteSender(service)
  const form = () => ({ grant_type: 'client_credentials', client_id: clientId, client_secret: clientSecret, scope: `${resource}/.default` })
  const token = accessTokens(service, send, { url: `${loginUrl}/${encodeURIComponent(tenantId)}/oauth2/v2.0/token`, form }, now)
  const key = `${vaultUrl.replace(/\/+$/, '')}/keys/${encodeURIComponent(keyName)}`
  const ask = async (method: 'GET' | 'POST', url: string, body?: object): Promise<RemoteAnswer> => send({
    method, url: `${url}?${version}`, headers: { authorization: `Bearer ${await token()}`, ...(body && { 'content-type': 'application/json' }) }, ...(body && { body: JSON.stringify(body) }),
  })
  return Object.freeze({
    type: 'azurekeyvault',
    isAutomatic: true,
    async wrap(rootKey: Uint8Array) {
      const current = await ask('GET', key)
      if (current.status !== 200) throw refusedBy(service, current, 'show the key')
      const keyVersion = versionOf(textIn(service, (current.json?.['key'] ?? null) as Readonly<Record<string, unknown>> | null, 'kid'))
      const answer = await ask('POST', `${key}/${keyVersion}/wrapkey`, { alg: algorithm, value: Buffer.from(rootKey).toString('base64url') })
      if (answer.status !== 200) throw refusedBy(service, answer, 'wrap')
      return Buffer.from(`${keyVersion}.${textIn(service, answer.json, 'value')}`)
    },
    async unwrap(wrapped: Uint8Array) {
      // Only the version comes from the store, and nothing else can stand in its place: no token goes where a changed store says.
      const [, keyVersion, value] = /^([0-9a-f]{32})\.([\w-]+)$/.exec(Buffer.from(wrapped).toString('latin1')) ?? []
      if (keyVersion === undefined) return null
      const answer = await ask('POST', `${key}/${keyVersion}/unwrapkey`, { alg: algorithm, value })
      if (answer.status === 400 || answer.status === 404) return null
      if (answer.status !== 200) throw refusedBy(service, answer, 'unwrap')
      return Buffer.from(textIn(service, answer.json, 'value'), 'base64url')
    },
  })
}

function versionOf(kid: string): string {
  const found = /\/keys\/[^/]+\/([0-9a-f]{32})$/.exec(kid)?.[1]
  if (found === undefined) throw new SealUnreachable(`${service}: the key has no version`)
  return found
}
