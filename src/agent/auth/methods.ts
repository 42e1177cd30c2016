/** Ways in which an agent logs in by itself. What is secret comes out of files, which are read anew at each login. */
import { readFileSync, realpathSync, rmSync } from 'node:fs'
import type { Client } from '../../../client/src/client.ts'
import type { Auth } from '../../../client/src/envelope.ts'
import type { MethodSettings } from '../config/settings.ts'
import { AgentConfigError } from '../config/entries.ts'

export interface LoginRequest {
  /** Below the mount. */
  readonly path: string
  readonly body: Readonly<Record<string, unknown>>
  /** After the login was accepted. */
  readonly done?: () => void
}

type Values = Readonly<Record<string, string>>

interface Method {
  /** Of its `config`. */
  readonly keys: readonly string[]
  readonly needs: readonly string[]
  /** Null: the token is there already, in the file that `token_file_path` names. */
  readonly request: (values: Values, client: Client) => Promise<LoginRequest | null>
}

/** Text of a file without blanks at its ends. Throws with the setting that named it. */
function readText(values: Values, key: string): string {
  try {
    return readFileSync(values[key] ?? '', 'utf8').trim()
  } catch (error) {
    throw new Error(`${key} cannot be read: ${(error as NodeJS.ErrnoException).code ?? 'unknown'}`)
  }
}

const isSet = (values: Values, key: string, otherwise: boolean): boolean => (values[key] === undefined ? otherwise : ['true', '1'].includes(values[key]))

async function secretIdOf(values: Values, client: Client): Promise<string> {
  const written = readText(values, 'secret_id_file_path')
  const wrappedAt = values['secret_id_response_wrapping_path']
  if (!wrappedAt) return written
  // Only a wrapping of just this place is taken: one that somebody else has put there is not.
  const lookup = await client.write<{ creation_path?: string }>('sys/wrapping/lookup', { token: written }, { token: null })
  if (lookup?.data.creation_path !== wrappedAt) throw new Error('the secret id was wrapped at another place than secret_id_response_wrapping_path says')
  const secret = await client.unwrap<{ secret_id?: string }>(undefined, { token: written })
  return secret?.data.secret_id ?? ''
}

const withToken = (fileKey: string, otherwise: string, type: string): Method => ({
  keys: ['role', fileKey, ...(type === 'jwt' ? ['remove_jwt_after_reading', 'remove_jwt_follows_symlinks', 'jwt_read_period'] : [])],
  needs: ['role', ...(otherwise === '' ? [fileKey] : [])],
  async request(values) {
    const file = values[fileKey] || otherwise
    const jwt = readText({ [fileKey]: file }, fileKey)
    return {
      path: 'login',
      body: { role: values['role'], jwt },
      done: () => {
        if (type === 'jwt' && isSet(values, 'remove_jwt_after_reading', true)) rmSync(isSet(values, 'remove_jwt_follows_symlinks', false) ? realpathSync(file) : file, { force: true })
      },
    }
  },
})

const methods: Readonly<Record<string, Method>> = {
  approle: {
    keys: ['role_id_file_path', 'secret_id_file_path', 'remove_secret_id_file_after_reading', 'secret_id_response_wrapping_path'],
    needs: ['role_id_file_path'],
    async request(values, client) {
      const role_id = readText(values, 'role_id_file_path')
      if (!values['secret_id_file_path']) return { path: 'login', body: { role_id } }
      const secret_id = await secretIdOf(values, client)
      const remove = (): void => rmSync(values['secret_id_file_path'] ?? '', { force: true })
      return { path: 'login', body: { role_id, secret_id }, ...(isSet(values, 'remove_secret_id_file_after_reading', true) ? { done: remove } : {}) }
    },
  },
  // The certificate is that of the connection: see `loginFiles`.
  cert: { keys: ['name', 'ca_cert', 'client_cert', 'client_key', 'reload'], needs: [], request: async (values) => ({ path: 'login', body: values['name'] ? { name: values['name'] } : {} }) },
  jwt: withToken('path', '', 'jwt'),
  kubernetes: withToken('token_path', '/var/run/secrets/kubernetes.io/serviceaccount/token', 'kubernetes'),
  ldap: withPassword(),
  userpass: withPassword(),
  token_file: { keys: ['token_file_path'], needs: ['token_file_path'], request: async () => null },
}

function withPassword(): Method {
  return {
    keys: ['username', 'username_file_path', 'password_file_path'],
    needs: ['password_file_path'],
    async request(values) {
      const name = values['username'] || readText(values, 'username_file_path')
      return { path: `login/${name}`, body: { password: readText(values, 'password_file_path') } }
    },
  }
}

/** Throws `AgentConfigError` where the method is not known, or lacks a setting. */
export function checkMethod({ type, values }: MethodSettings): void {
  const method = Object.hasOwn(methods, type) ? methods[type] : undefined
  if (method === undefined) throw new AgentConfigError(`auto_auth.method: the type "${type}" is not known; there are ${Object.keys(methods).join(', ')}`)
  const unknown = Object.keys(values).find((key) => !method.keys.includes(key))
  if (unknown !== undefined) throw new AgentConfigError(`auto_auth.method.${type}.config.${unknown} is not known`)
  const isHalf = type === 'cert' && !values['client_cert'] !== !values['client_key']
  const lacking = isHalf ? ['client_cert', 'client_key'].find((key) => !values[key]) : method.needs.find((key) => !values[key])
  if (lacking !== undefined) throw new AgentConfigError(`auto_auth.method.${type}.config.${lacking} is missing`)
}

/** Files of the connection over which it logs in, where the method has some of its own; they are read at each login. */
export function loginFiles({ type, values }: MethodSettings): { readonly caCert?: string; readonly clientCert?: string; readonly clientKey?: string } | null {
  const { ca_cert: caCert, client_cert: clientCert, client_key: clientKey } = values
  if (type !== 'cert' || (!caCert && !clientCert)) return null
  return { ...(caCert ? { caCert } : {}), ...(clientCert && clientKey ? { clientCert, clientKey } : {}) }
}

/** What a login gave. A token out of a file is looked up, to know how long it lives. */
export type Granted = Pick<Auth, 'clientToken' | 'leaseDuration' | 'renewable'> & { readonly wrapped: boolean }

/** Throws what the client throws, and errors that name a setting. */
export async function login(client: Client, { type, values, mountPath, namespace, wrapTtlSeconds }: MethodSettings): Promise<Granted> {
  const method = methods[type]
  if (method === undefined) throw new AgentConfigError(`the type "${type}" is not known`)
  const request = await method.request(values, client)
  if (request === null) return await existing(client, readText(values, 'token_file_path'))
  const options = { token: null, ...(namespace === '' ? {} : { namespace }), ...(wrapTtlSeconds === 0 ? {} : { wrapTtl: wrapTtlSeconds }) }
  const secret = await client.write(`${mountPath}/${request.path}`, request.body, options)
  request.done?.()
  if (secret?.wrapInfo) return { clientToken: secret.wrapInfo.token, leaseDuration: secret.wrapInfo.ttl, renewable: false, wrapped: true }
  if (!secret?.auth) throw new Error('the login gave no token')
  return { ...secret.auth, wrapped: false }
}

async function existing(client: Client, token: string): Promise<Granted> {
  const secret = await client.read<{ ttl?: unknown; renewable?: unknown }>('auth/token/lookup-self', { token })
  return { clientToken: token, leaseDuration: Number(secret?.data.ttl ?? 0), renewable: secret?.data.renewable === true, wrapped: false }
}
