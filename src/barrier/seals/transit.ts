/** The root key under a key of the transit engine of another Coffer, Vault or OpenBao. */
import { remoteSender, refusedBy, textIn, type RemoteAnswer, type RemoteTls } from './remote.ts'
import { SealUnreachable, type Seal } from './seal.ts'

export interface TransitSeal {
  /** `https://vault.example.com:8200` */
  readonly address: string
  readonly token: string
  readonly keyName: string
  readonly mountPath: string
  /** '' for the root. */
  readonly namespace: string
  readonly tls: RemoteTls
  /** The token is renewed as long as the server runs. */
  readonly renewsToken: boolean
}

const service = 'transit'

export function transitSeal({ address, token, keyName, mountPath, namespace, tls, renewsToken }: TransitSeal): Seal {
  const send = remoteSender(service, tls)
  const headers = { 'x-vault-request': 'true', 'x-vault-token': token, ...(namespace !== '' && { 'x-vault-namespace': namespace }), 'content-type': 'application/json' }
  const post = (path: string, body: object): Promise<RemoteAnswer> =>
    send({ method: 'POST', url: `${address.replace(/\/+$/, '')}/v1/${path}`, headers, body: JSON.stringify(body) })
  const key = `${mountPath.replace(/^\/+|\/+$/g, '')}/%/${encodeURIComponent(keyName)}`
  return Object.freeze({
    type: 'transit',
    isAutomatic: true,
    async wrap(rootKey: Uint8Array) {
      const answer = await post(key.replace('%', 'encrypt'), { plaintext: Buffer.from(rootKey).toString('base64') })
      if (answer.status !== 200) throw refusedBy(service, answer, 'encrypt')
      return Buffer.from(textIn(service, dataOf(answer), 'ciphertext'))
    },
    async unwrap(wrapped: Uint8Array) {
      const answer = await post(key.replace('%', 'decrypt'), { ciphertext: Buffer.from(wrapped).toString('utf8') })
      if (answer.status === 400) return null // it is a ciphertext of another key
      if (answer.status !== 200) throw refusedBy(service, answer, 'decrypt')
      return Buffer.from(textIn(service, dataOf(answer), 'plaintext'), 'base64')
    },
    renew: async () => (renewsToken ? renewed(await post('auth/token/renew-self', {})) : null),
  })
}

const dataOf = ({ json }: RemoteAnswer): Readonly<Record<string, unknown>> | null => (json?.['data'] ?? null) as Readonly<Record<string, unknown>> | null

const soonestSeconds = 5

/** Half of what it has left. A token that ends by no time, or cannot be renewed, needs nothing more. */
function renewed(answer: RemoteAnswer): number | null {
  if (answer.status === 400 || answer.status === 403) return null
  const auth = answer.json?.['auth'] as Readonly<Record<string, unknown>> | null | undefined
  if (answer.status !== 200 || typeof auth?.['lease_duration'] !== 'number') throw new SealUnreachable('transit: the token could not be renewed')
  const { lease_duration: seconds, renewable } = auth as { lease_duration: number; renewable?: unknown }
  return renewable === true && seconds > 0 ? Math.max(soonestSeconds, Math.floor(seconds / 2)) : null
}
