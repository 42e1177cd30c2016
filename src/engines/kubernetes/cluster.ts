/** The API of a cluster, as far as tokens and what they need go. */
import { ApiError, badRequest } from '../../kit/errors.ts'
import { isJsonObject } from '../../kit/fields.ts'
import { parseJson, type Json, type JsonObject } from '../../kit/json.ts'
import { NothingDone } from '../../kit/outside.ts'
import { parseBaseUrl, sendHttp, urlBelow } from '../outbound/http.ts'
import { parseRules } from './objects.ts'
import type { Config, Role } from './records.ts'

const timeoutSeconds = 10
/** Four objects at most, each with its own time. */
export const withinSeconds = 60

/** What was made for a lease, or may have been. */
export interface Made {
  readonly [key: string]: unknown
  readonly namespace: string
  /** Of all that was made; '': nothing but a token of an account that is there. */
  readonly name: string
  readonly isRoleMade: boolean
  readonly roleType: Role['roleType']
  readonly isClusterBinding: boolean
}

interface Token {
  readonly namespace: string
  readonly account: string
  readonly seconds: number
  readonly audiences: readonly string[]
}

export interface Cluster {
  readonly check: () => Promise<void>
  readonly labelsOf: (namespace: string) => Promise<ReadonlyMap<string, string>>
  readonly make: (made: Made, role: Role) => Promise<void>
  readonly createToken: (token: Token) => Promise<string>
  /** Idempotent. */
  readonly remove: (made: Made) => Promise<void>
}

const group = ['apis', 'rbac.authorization.k8s.io', 'v1']
const rbac = 'rbac.authorization.k8s.io'
const labelOfOurs = { 'app.kubernetes.io/managed-by': 'coffer', 'app.kubernetes.io/created-by': 'coffer' }

const accountsIn = (namespace: string): readonly string[] => ['api', 'v1', 'namespaces', namespace, 'serviceaccounts']
const rolesIn = ({ roleType, namespace }: Made): readonly string[] => (roleType === 'ClusterRole' ? [...group, 'clusterroles'] : [...group, 'namespaces', namespace, 'roles'])
const bindingsIn = ({ isClusterBinding, namespace }: Made): readonly string[] => (isClusterBinding ? [...group, 'clusterrolebindings'] : [...group, 'namespaces', namespace, 'rolebindings'])

interface Question {
  readonly method: 'GET' | 'POST' | 'DELETE'
  readonly parts: readonly string[]
  readonly body?: JsonObject
  readonly what: string
}

export function clusterOf({ host, ca, jwt }: Config, signal: AbortSignal): Cluster {
  const ask = async ({ method, parts, body, what }: Question): Promise<JsonObject> => {
    const answer = await sendHttp({ timeoutSeconds, tls: ca === '' ? {} : { ca } }, {
      method, signal, url: urlBelow(parseBaseUrl(host, 'kubernetes_host'), parts),
      headers: { authorization: `Bearer ${jwt}`, accept: 'application/json', 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const said = objectIn(answer.text)
    if (answer.status >= 200 && answer.status < 300) return said
    if (method === 'DELETE' && answer.status === 404) return {}
    const reason = typeof said['message'] === 'string' ? said['message'].slice(0, 300) : `status ${answer.status}`
    throw new ApiError(answer.status >= 500 ? 'bad_gateway' : 'bad_request', `${what}: ${reason}`)
  }
  return {
    check: async () => void (await ask({ method: 'GET', parts: ['version'], what: 'the cluster does not answer as one' })),
    async labelsOf(namespace) {
      const { metadata } = await ask({ method: 'GET', parts: ['api', 'v1', 'namespaces', namespace], what: `failed to look at the namespace ${namespace}` })
      const labels = isJsonObject(metadata) && isJsonObject(metadata['labels']) ? metadata['labels'] : {}
      return new Map(Object.entries(labels).map(([key, value]) => [key, String(value)]))
    },
    async createToken({ namespace, account, seconds, audiences }) {
      const what = `failed to create a service account token for ${namespace}/${account}`
      const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: seconds, ...(audiences.length === 0 ? {} : { audiences }) } }
      const { status } = await ask({ method: 'POST', parts: [...accountsIn(namespace), account, 'token'], body, what })
      const token = isJsonObject(status) ? status['token'] : undefined
      if (typeof token !== 'string' || token === '') throw new ApiError('bad_gateway', `${what}: there is no token in the answer`)
      return token
    },
    async make(made, role) {
      const { namespace, name, isRoleMade, isClusterBinding, roleType } = made
      const metadata = (isIn: boolean): JsonObject => ({ name, ...(isIn ? { namespace } : {}), labels: { ...role.labels, ...labelOfOurs }, ...(role.annotations === null ? {} : { annotations: role.annotations }) })
      let isUntouched = true
      const create = async (parts: readonly string[], body: JsonObject, what: string): Promise<void> => {
        await ask({ method: 'POST', parts, body, what }).catch((error: unknown) => Promise.reject(isUntouched ? asNothingDone(error) : error))
        isUntouched = false
      }
      if (isRoleMade) await create(rolesIn(made), { apiVersion: `${rbac}/v1`, kind: roleType, metadata: metadata(roleType === 'Role'), rules: parseRules(role.rules) as unknown as Json }, 'failed to create the role')
      const binding = {
        apiVersion: `${rbac}/v1`, kind: isClusterBinding ? 'ClusterRoleBinding' : 'RoleBinding', metadata: metadata(!isClusterBinding),
        subjects: [{ kind: 'ServiceAccount', name, namespace }], roleRef: { apiGroup: rbac, kind: roleType, name: isRoleMade ? name : role.roleName },
      }
      await create(bindingsIn(made), binding, 'failed to create the role binding')
      await create(accountsIn(namespace), { apiVersion: 'v1', kind: 'ServiceAccount', metadata: metadata(true) }, 'failed to create the service account')
    },
    // The account first: its tokens end with it.
    async remove(made) {
      if (made.name === '') return
      await ask({ method: 'DELETE', parts: [...accountsIn(made.namespace), made.name], what: 'failed to delete the service account' })
      await ask({ method: 'DELETE', parts: [...bindingsIn(made), made.name], what: 'failed to delete the role binding' })
      if (made.isRoleMade) await ask({ method: 'DELETE', parts: [...rolesIn(made), made.name], what: 'failed to delete the role' })
    },
  }
}

/** What the cluster refuses (a token, a right, a name that somebody has) it has not made. */
const asNothingDone = (error: unknown): unknown => (error instanceof ApiError && error.code === 'bad_request' ? new NothingDone(error.code, error.message, { cause: error }) : error)

function objectIn(text: string): JsonObject {
  try {
    const value = parseJson(text)
    return isJsonObject(value) ? value : {}
  } catch {
    return {}
  }
}

/** Names of namespaces and accounts are part of addresses (RFC 1123, as Kubernetes has it). Throws `bad_request`. */
export function checkName(what: string, name: string): void {
  if (!/^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/.test(name)) throw badRequest(`${what} ${JSON.stringify(name)} is no name that Kubernetes has`)
}
