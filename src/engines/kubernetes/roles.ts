/** `roles/`: whose tokens are given, and where. */
import { parseNameTemplate } from '../../crypto/name-template.ts'
import { formatDuration } from '../../kit/duration.ts'
import { badRequest } from '../../kit/errors.ts'
import { duration, list, lowerText, optional, text, textMap, type ValuesOf } from '../../kit/fields.ts'
import { path } from '../../kit/operation.ts'
import { listed } from '../../kit/result.ts'
import { listPage, pageFields } from '../walk.ts'
import { checkName } from './cluster.ts'
import { parseRules, parseSelector } from './objects.ts'
import { roles, type Role } from './records.ts'

export const nameFields = ['DisplayName', 'RoleName'] as const
export const usualName = '{{ printf "v-%s-%s-%s-%s" (.DisplayName | truncate 8) (.RoleName | truncate 8) (unix_time) (random 24) | truncate 62 | lowercase }}'

const fields = {
  allowed_kubernetes_namespaces: optional(list('Namespaces that tokens may be for; `*` for any.')),
  allowed_kubernetes_namespace_selector: optional(text('Labels of namespaces that tokens may be for: a LabelSelector as JSON or YAML.')),
  service_account_name: optional(text('Service account that tokens are for. Or:')),
  kubernetes_role_name: optional(text('Role that a new service account is bound to. Or:')),
  generated_role_rules: optional(text('Rules of a new role that a new service account is bound to, as JSON or YAML: `{"rules": […]}`.')),
  kubernetes_role_type: optional(text('`Role` or `ClusterRole`.')),
  name_template: optional(text('Template of the names of what is made; it must give another name each time.')),
  token_default_ttl: optional(duration('How long a token lives; 0: the default of the mount.')),
  token_max_ttl: optional(duration('How long it may at most; 0: the maximum of the mount.')),
  token_default_audiences: optional(list('Audiences of tokens, unless others are asked for.')),
  extra_labels: optional(textMap('Labels of what is made.')),
  extra_annotations: optional(textMap('Annotations of what is made.')),
}

function roleTypeOf(given: string): Role['roleType'] {
  const found = (['Role', 'ClusterRole'] as const).find((type) => type.toLowerCase() === given.toLowerCase())
  if (found === undefined) throw badRequest("kubernetes_role_type must be either 'Role' or 'ClusterRole'")
  return found
}

/** Throws `bad_request` with Vault's words. */
function changed(input: ValuesOf<typeof fields>, before: Role | null): Role {
  const made: Role = {
    namespaces: input.allowed_kubernetes_namespaces === undefined ? (before?.namespaces ?? []) : [...new Set(input.allowed_kubernetes_namespaces.map((name) => name.toLowerCase()))],
    selector: input.allowed_kubernetes_namespace_selector ?? before?.selector ?? '',
    serviceAccount: input.service_account_name ?? before?.serviceAccount ?? '',
    roleName: input.kubernetes_role_name ?? before?.roleName ?? '',
    rules: input.generated_role_rules ?? before?.rules ?? '',
    roleType: roleTypeOf(input.kubernetes_role_type || before?.roleType || 'Role'),
    nameTemplate: input.name_template ?? before?.nameTemplate ?? '',
    defaultTtl: input.token_default_ttl ?? before?.defaultTtl ?? 0,
    maxTtl: input.token_max_ttl ?? before?.maxTtl ?? 0,
    audiences: input.token_default_audiences ?? before?.audiences ?? null,
    labels: input.extra_labels ?? before?.labels ?? null,
    annotations: input.extra_annotations ?? before?.annotations ?? null,
  }
  check(made)
  return made
}

function check({ namespaces, selector, serviceAccount, roleName, rules, defaultTtl, maxTtl, nameTemplate }: Role): void {
  if (namespaces.length === 0 && selector === '') throw badRequest('one (at least) of allowed_kubernetes_namespaces or allowed_kubernetes_namespace_selector must be set')
  if ([serviceAccount, roleName, rules].filter((text) => text !== '').length !== 1) throw badRequest('one (and only one) of service_account_name, kubernetes_role_name or generated_role_rules must be set')
  if (maxTtl > 0 && defaultTtl > maxTtl) throw badRequest(`token_default_ttl ${formatDuration(defaultTtl)} cannot be greater than token_max_ttl ${formatDuration(maxTtl)}`)
  for (const name of namespaces) if (name !== '*') checkName('allowed_kubernetes_namespaces:', name)
  if (serviceAccount !== '') checkName('service_account_name', serviceAccount)
  if (selector !== '') parseSelector(selector)
  if (rules !== '') parseRules(rules)
  if (nameTemplate !== '') checkTemplate(nameTemplate)
}

/** What has the name that is always the same would be somebody else’s, and be deleted with the first lease. */
function checkTemplate(template: string): void {
  const fill = parseNameTemplate(template, nameFields)
  const [one, other] = [1, 2].map((seed) => fill({ fields: { DisplayName: 'a', RoleName: 'b' }, now: seed * 1e10, random: (bytes) => new Uint8Array(bytes).fill(seed) }))
  if (one === other) throw badRequest('name_template must give another name each time, as with {{random 20}}')
}

const role = path('roles/{name}', { name: { ...lowerText('Name of the role.'), format: 'name', pattern: /^\w(?:[\w.-]*\w)?$/ } })

const write = role.write({
  summary: 'Create or change a role.',
  input: fields,
  exists: async ({ params, store }) => (await roles.read(store, params.name)) !== null,
  async handle({ params, input, store }) {
    roles.write(store, changed(input, await roles.read(store, params.name)), params.name)
    return null
  },
})

const read = role.read({
  summary: 'Show a role.',
  async handle({ params, store }) {
    const found = await roles.read(store, params.name)
    if (found === null) return null
    return {
      name: params.name, allowed_kubernetes_namespaces: found.namespaces, allowed_kubernetes_namespace_selector: found.selector, service_account_name: found.serviceAccount,
      kubernetes_role_name: found.roleName, kubernetes_role_type: found.roleType, generated_role_rules: found.rules, name_template: found.nameTemplate,
      token_default_ttl: found.defaultTtl, token_max_ttl: found.maxTtl, token_default_audiences: found.audiences, extra_labels: found.labels, extra_annotations: found.annotations,
    }
  },
})

const remove = role.delete({
  summary: 'Delete a role. What was made for it stays until its lease ends.',
  handle({ params, store }) {
    roles.remove(store, params.name)
    return null
  },
})

const listAll = path('roles').list({ summary: 'List the roles.', input: pageFields, handle: async ({ store, input }) => listed(await listPage(store, 'role/', input)) })

export const roleOperations = [listAll, write, read, remove]
