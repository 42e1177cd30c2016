/** The paths below a role that read, write and reset one setting each: `role/web/token-ttl` and the like, all out of one table. */
import { badRequest } from '../../kit/errors.ts'
import { path, type Operation } from '../../kit/operation.ts'
import type { Data } from '../../kit/result.ts'
import { findRole, resolveRole, roleParams } from './find-role.ts'
import { roles } from './records.ts'
import { changedRole, roleFields, shownRole, type RoleInput } from './role-fields.ts'

type FieldName = keyof typeof roleFields

interface Part {
  readonly path: string
  /** The field that the path is about, then the name that it had once. */
  readonly names: readonly [FieldName, ...FieldName[]]
  /** What deleting writes. */
  readonly unset: RoleInput
}

const parts: readonly Part[] = [
  { path: 'policies', names: ['token_policies', 'policies'], unset: { token_policies: [] } },
  { path: 'period', names: ['token_period', 'period'], unset: { token_period: 0 } },
  { path: 'token-ttl', names: ['token_ttl'], unset: { token_ttl: 0 } },
  { path: 'token-max-ttl', names: ['token_max_ttl'], unset: { token_max_ttl: 0 } },
  { path: 'token-num-uses', names: ['token_num_uses'], unset: { token_num_uses: 0 } },
  { path: 'token-bound-cidrs', names: ['token_bound_cidrs'], unset: { token_bound_cidrs: [] } },
  { path: 'bind-secret-id', names: ['bind_secret_id'], unset: { bind_secret_id: true } },
  { path: 'secret-id-num-uses', names: ['secret_id_num_uses'], unset: { secret_id_num_uses: 0 } },
  { path: 'secret-id-ttl', names: ['secret_id_ttl'], unset: { secret_id_ttl: 0 } },
  { path: 'secret-id-bound-cidrs', names: ['secret_id_bound_cidrs'], unset: { secret_id_bound_cidrs: [] } },
  { path: 'bound-cidr-list', names: ['bound_cidr_list'], unset: { bound_cidr_list: [] } },
]

/** The fields of these names out of an object that may have more. */
function picked<T>(from: Readonly<Record<string, T>>, names: readonly string[]): Record<string, T> {
  return Object.fromEntries(names.flatMap((name) => (Object.hasOwn(from, name) ? [[name, from[name] as T]] : [])))
}

function operationsOf({ path: last, names, unset }: Part): Operation[] {
  const at = path(`role/{role_name}/${last}`, roleParams)
  const [name] = names
  const deprecated = roleFields[name].deprecated === true ? { deprecated: 'See secret-id-bound-cidrs.' } : {}
  return [
    at.read({
      ...deprecated,
      summary: `Show ${name} of a role.`,
      async handle({ params, store }) {
        const role = await findRole(store, params.role_name)
        return role === null ? null : shownPart(shownRole(role), names)
      },
    }),
    at.write({
      ...deprecated,
      summary: `Set ${name} of a role.`,
      input: picked(roleFields, names) as Pick<typeof roleFields, FieldName>,
      async handle({ params, input, store, mount }) {
        const role = await resolveRole(store, params.role_name, 'path')
        if (names.every((given) => input[given] === undefined)) throw badRequest(`missing ${name}`)
        roles.write(store, changedRole(role, input, mount.maxLeaseSeconds), role.name)
        return null
      },
    }),
    at.delete({
      ...deprecated,
      summary: `Set ${name} of a role to its default.`,
      async handle({ params, store, mount }) {
        const role = await findRole(store, params.role_name)
        if (role !== null) roles.write(store, changedRole(role, unset, mount.maxLeaseSeconds), role.name)
        return null
      },
    }),
  ]
}

/** Ranges under their old name are those under the new one. */
const shownPart = (shown: Data, names: readonly string[]): Data =>
  names[0] === 'bound_cidr_list' ? { bound_cidr_list: shown['secret_id_bound_cidrs'] } : picked(shown, names)

const readLocalSecretIds = path('role/{role_name}/local-secret-ids', roleParams).read({
  summary: 'Show whether the secret ids of a role stay on this cluster.',
  async handle({ params, store }) {
    const role = await findRole(store, params.role_name)
    return role === null ? null : { local_secret_ids: role.localSecretIds }
  },
})

export const partOperations = [...parts.flatMap(operationsOf), readLocalSecretIds]
