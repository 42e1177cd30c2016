/** `creds/`: tokens of service accounts, and what is made for them, which live as long as their lease. */
import { parseNameTemplate, plainName } from '../../crypto/name-template.ts'
import type { LeaseKind } from '../../kit/engine.ts'
import { badRequest } from '../../kit/errors.ts'
import { defaulted, duration, flag, list, lowerText, text } from '../../kit/fields.ts'
import { path, type MountView } from '../../kit/operation.ts'
import { outside } from '../../kit/outside.ts'
import { checkName, clusterOf, withinSeconds, type Made } from './cluster.ts'
import { resolveConfig } from './config.ts'
import { isSelected, parseSelector } from './objects.ts'
import { roles, type Config, type Role } from './records.ts'
import { nameFields, usualName } from './roles.ts'

export const leaseKind = 'service-account-token'

/** Throws `bad_request` with Vault's words. */
async function resolveNamespace(config: Config, { namespaces, selector }: Role, asked: string): Promise<string> {
  const [only, ...others] = namespaces
  if (asked === '') {
    if (selector === '' && only !== undefined && only !== '*' && others.length === 0) return only
    throw badRequest("'kubernetes_namespace' is required unless the role has a single namespace specified")
  }
  checkName('kubernetes_namespace', asked)
  if (namespaces.includes('*') || namespaces.includes(asked)) return asked
  const isLabelled = selector !== '' && isSelected(parseSelector(selector), await clusterOf(config, new AbortController().signal).labelsOf(asked))
  if (!isLabelled) throw badRequest(`kubernetes_namespace '${asked}' is not present in role's allowed_kubernetes_namespaces or does not match role's label selector allowed_kubernetes_namespace_selector`)
  return asked
}

/** A token cannot be made to live longer or shorter afterwards, so it is made for as long as its lease will live. */
function secondsOf({ defaultTtl, maxTtl }: Role, asked: number, mount: MountView, warn: (text: string) => void): number {
  const wanted = asked || defaultTtl || mount.defaultLeaseSeconds
  const most = Math.min(maxTtl || Infinity, mount.maxLeaseSeconds)
  if (wanted > most) warn(`ttl of ${wanted} seconds is greater than the maximum of ${most}; capping accordingly`)
  return Math.min(wanted, most)
}

export const creds = path('creds/{name}', { name: { ...lowerText('Name of the role.'), format: 'name', pattern: /^\w(?:[\w.-]*\w)?$/ } }).write({
  summary: 'Make a token of a service account, and what it needs.',
  input: {
    kubernetes_namespace: defaulted(text('Namespace of the service account; may be left out where the role has one.'), ''),
    cluster_role_binding: defaulted(flag('Bind the role in the whole cluster.'), false),
    ttl: defaulted(duration('How long the token lives; Kubernetes wants ten minutes or more.'), 0),
    audiences: defaulted(list('Audiences of the token.'), []),
  },
  async handle({ params: { name: roleName }, input, store, mount, caller, now, random, warn }) {
    const role = await roles.read(store, roleName)
    if (role === null) throw badRequest(`role '${roleName}' does not exist`)
    const config = await resolveConfig(store)
    const namespace = await resolveNamespace(config, role, input.kubernetes_namespace)
    if (input.cluster_role_binding && role.roleType === 'Role') throw badRequest('a ClusterRoleBinding cannot ref a Role')
    const seconds = secondsOf(role, input.ttl, mount, warn)
    const isMade = role.serviceAccount === ''
    const filled = parseNameTemplate(role.nameTemplate || usualName, nameFields)({ fields: { DisplayName: plainName(caller?.displayName ?? ''), RoleName: roleName }, now, random })
    const name = isMade ? filled.toLowerCase().replaceAll(/[^a-z0-9.-]/g, '-') : ''
    if (isMade) checkName('the name of what is made', name)
    const made: Made = { namespace, name, isRoleMade: role.rules !== '', roleType: role.roleType, isClusterBinding: input.cluster_role_binding }
    const account = isMade ? name : role.serviceAccount
    let token = ''
    return outside({
      lease: { kind: leaseKind, ttlSeconds: seconds, maxTtlSeconds: role.maxTtl, renewable: false, internal: made },
      withinSeconds,
      async act({ signal }) {
        const cluster = clusterOf(config, signal)
        if (isMade) await cluster.make(made, role)
        token = await cluster.createToken({ namespace, account, seconds, audiences: input.audiences.length > 0 ? input.audiences : (role.audiences ?? []) })
      },
      finish: () => ({ service_account_namespace: namespace, service_account_name: account, service_account_token: token }),
    })
  },
})

export const credsLeases: LeaseKind = {
  async revoke({ store, internal }) {
    const made = internal as Made
    if (made.name !== '') await clusterOf(await resolveConfig(store), new AbortController().signal).remove(made)
  },
}
