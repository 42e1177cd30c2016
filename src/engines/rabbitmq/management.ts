/** The HTTP interface of RabbitMQ's management plugin, as far as users need it. */
import { ApiError } from '../../kit/errors.ts'
import { isJsonObject } from '../../kit/fields.ts'
import { parseJson } from '../../kit/json.ts'
import { NothingDone } from '../../kit/outside.ts'
import { parseBaseUrl, sendHttp, urlBelow, type HttpAnswer } from '../outbound/http.ts'
import type { Connection, Role } from './records.ts'

const timeoutSeconds = 10
/** A user, its permissions in each of the virtual hosts, and its end. */
export const withinSeconds = 60

export interface Management {
  /** Throws `ApiError` unless the connection may list users. */
  readonly verify: () => Promise<void>
  readonly hasUser: (username: string) => Promise<boolean>
  readonly createUser: (username: string, password: string, role: Role) => Promise<void>
  /** Idempotent. */
  readonly deleteUser: (username: string) => Promise<void>
}

interface Question {
  readonly method: string
  readonly parts: readonly string[]
  readonly body?: object
  /** Statuses besides 2xx that are answers. */
  readonly also?: readonly number[]
  readonly what: string
}

export function managementOf({ uri, username: admin, password: adminPassword, ca }: Connection, signal: AbortSignal): Management {
  const base = parseBaseUrl(uri, 'connection_uri')
  const authorization = `Basic ${Buffer.from(`${admin}:${adminPassword}`).toString('base64')}`
  const ask = async ({ method, parts, body, also = [], what }: Question): Promise<HttpAnswer> => {
    const answer = await sendHttp({ timeoutSeconds, tls: ca === '' ? {} : { ca } }, {
      method, signal, url: urlBelow(base, ['api', ...parts]),
      headers: { authorization, accept: 'application/json', 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    if ((answer.status >= 200 && answer.status < 300) || also.includes(answer.status)) return answer
    throw new ApiError(answer.status >= 500 ? 'bad_gateway' : 'bad_request', `${what}: RabbitMQ answers ${answer.status}${reasonIn(answer.text)}`)
  }
  return {
    verify: async () => void (await ask({ method: 'GET', parts: ['users'], what: 'failed to validate the connection' })),
    hasUser: async (username) => (await ask({ method: 'GET', parts: ['users', username], also: [404], what: 'failed to look for the user' })).status !== 404,
    deleteUser: async (username) => void (await ask({ method: 'DELETE', parts: ['users', username], also: [404], what: 'could not delete user' })),
    async createUser(username, password, { tags, vhosts, topics }) {
      await ask({ method: 'PUT', parts: ['users', username], body: { password, tags }, what: 'failed to create a new user' })
      for (const [vhost, permission] of Object.entries(vhosts)) await ask({ method: 'PUT', parts: ['permissions', vhost, username], body: permission, what: `error updating vhost permissions for ${vhost}` })
      for (const [vhost, exchanges] of Object.entries(topics)) {
        for (const [exchange, permission] of Object.entries(exchanges)) await ask({ method: 'PUT', parts: ['topic-permissions', vhost, username], body: { exchange, ...permission }, what: `error updating topic permissions for ${vhost}` })
      }
    },
  }
}

/** RabbitMQ says why in `reason`; what it says of a user holds no password. */
function reasonIn(text: string): string {
  try {
    const body = parseJson(text)
    const reason = isJsonObject(body) ? body['reason'] : undefined
    return typeof reason === 'string' ? `: ${reason.slice(0, 200)}` : ''
  } catch {
    return ''
  }
}

/** RabbitMQ would change the user that is there. */
export const nameTaken = (): NothingDone => new NothingDone('bad_request', 'there is a user of that name already: username_template must give another name each time')
