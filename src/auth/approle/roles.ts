/** Roles: making, changing, showing, listing and deleting them, and their role ids. */
import { badRequest } from '../../kit/errors.ts'
import { defaulted, text } from '../../kit/fields.ts'
import { path } from '../../kit/operation.ts'
import { listed } from '../../kit/result.ts'
import type { Transaction } from '../../kit/store.ts'
import { freshTokenSettings } from '../../kit/token-fields.ts'
import { uuidOf } from '../../kit/uuid.ts'
import { dropAccessors, dropInBackground } from './drop.ts'
import { findRole, pageFields, pageOf, resolveRole, roleParams } from './find-role.ts'
import { roleIds, roles, type Role } from './records.ts'
import { changedRole, creationFields, roleFields, shownRole, type RoleInput } from './role-fields.ts'

export const roleIdLengthMax = 4_096

const role = path('role/{role_name}', roleParams)

function freshRole(name: string, random: (bytes: number) => Uint8Array): Role {
  return {
    name, uid: Buffer.from(random(16)).toString('hex'), hashKey: Buffer.from(random(32)).toString('base64'), roleId: uuidOf(random(16)),
    bindSecretId: true, secretIdBoundCidrs: [], secretIdNumUses: 0, secretIdTtl: 0, localSecretIds: false, token: freshTokenSettings,
  }
}

/** The types that have a meaning for mounts only, and what they are taken for. */
const plainTypes: ReadonlyMap<string | undefined, string> = new Map([['default-service', 'service'], ['default-batch', 'batch']])

function withPlainType(input: RoleInput, warn: (text: string) => void): RoleInput {
  const plain = plainTypes.get(input.token_type)
  if (plain === undefined) return input
  warn(`the token_type "${input.token_type}" means nothing in a role; taken as "${plain}"`)
  return { ...input, token_type: plain }
}

/** Makes `roleId` the role's own, provided that no other role has it. */
async function takeRoleId(store: Transaction, changed: Role, before: Role | null): Promise<void> {
  if (changed.roleId.length > roleIdLengthMax) throw badRequest(`the role_id is longer than ${roleIdLengthMax} characters`)
  if (before?.roleId === changed.roleId) return
  if ((await roleIds.read(store, changed.roleId)) !== null) throw badRequest('1 error occurred:\n\t* role_id already in use\n\n')
  if (before !== null) roleIds.remove(store, before.roleId)
  roleIds.write(store, { role: changed.name }, changed.roleId)
}

const writeRole = role.write({
  summary: 'Create or change a role.',
  input: { ...roleFields, ...creationFields },
  exists: async ({ params, store }) => (await findRole(store, params.role_name)) !== null,
  async handle({ params, input, store, mount, random, warn }) {
    const before = await findRole(store, params.role_name)
    if (before !== null && input.local_secret_ids !== undefined) throw badRequest('local_secret_ids can only be modified during role creation')
    const changed = changedRole(before ?? freshRole(params.role_name.toLowerCase(), random), withPlainType(input, warn), mount.maxLeaseSeconds)
    const made: Role = { ...changed, roleId: (input.role_id ?? changed.roleId).trim(), localSecretIds: input.local_secret_ids ?? changed.localSecretIds }
    if (made.roleId === '') throw badRequest('the role_id cannot be empty')
    if (made.token.maxTtl > mount.maxLeaseSeconds) warn('token_max_ttl is greater than the maximum of the mount, which the tokens will be cut to')
    await takeRoleId(store, made, before)
    roles.write(store, made, made.name)
    return null
  },
})

const readRole = role.read({
  summary: 'Show a role.',
  async handle({ params, store }) {
    const found = await findRole(store, params.role_name)
    return found === null ? null : shownRole(found)
  },
})

/** So many secret ids are removed by the request that deletes a role; more of them follow after its answer. */
const dropMax = 200

const deleteRole = role.delete({
  summary: 'Delete a role with its secret ids; the tokens that it gave live on.',
  async handle({ params, store, afterCommit }) {
    const found = await findRole(store, params.role_name)
    if (found === null) return null
    roles.remove(store, found.name)
    roleIds.remove(store, found.roleId)
    const isAll = await dropAccessors(store, found.uid, dropMax)
    if (!isAll) afterCommit((whole) => dropInBackground(whole, found.uid))
    return null
  },
})

const listRoles = path('role').list({
  summary: 'List the roles.',
  input: pageFields,
  handle: async ({ store, input }) => listed(await store.list('role/', pageOf(input))),
})

const roleId = path('role/{role_name}/role-id', roleParams)

const readRoleId = roleId.read({
  summary: 'Show the id that a role logs in with.',
  async handle({ params, store }) {
    const found = await findRole(store, params.role_name)
    return found === null ? null : { role_id: found.roleId }
  },
})

const writeRoleId = roleId.write({
  summary: 'Choose the id that a role logs in with.',
  input: { role_id: defaulted(text('The new id.'), '') },
  async handle({ params, input, store }) {
    const before = await resolveRole(store, params.role_name, 'path')
    if (input.role_id.trim() === '') throw badRequest('missing role_id')
    const changed = { ...before, roleId: input.role_id.trim() }
    await takeRoleId(store, changed, before)
    roles.write(store, changed, changed.name)
    return null
  },
})

export const roleOperations = [writeRole, readRole, deleteRole, listRoles, readRoleId, writeRoleId]
