/** Roles: under which name which certificates may be had. */
import { badRequest } from '../../kit/errors.ts'
import { parseFields, text } from '../../kit/fields.ts'
import type { Json, JsonObject } from '../../kit/json.ts'
import { path } from '../../kit/operation.ts'
import { listed, reply, type Reply } from '../../kit/result.ts'
import type { Transaction } from '../../kit/store.ts'
import { findIssuerEntry } from './authority.ts'
import { readIndex, roles } from './records.ts'
import { pageFields } from './request-fields.ts'
import { roleFields, type Role } from './role-fields.ts'
import { normalizeRole } from './role-rules.ts'

export const roleName = { ...text('Name of the role.'), pattern: /^\w(?:[\w.@-]*\w)?$/ }
const role = path('roles/{name}', { name: roleName })

/** Throws `bad_request`. */
export async function resolveRole(store: Pick<Transaction, 'get'>, name: string): Promise<Role> {
  const found = await roles.read(store, name)
  if (found === null) throw badRequest(`unknown role: ${name}`)
  return found
}

async function writeChecked(store: Transaction, name: string, given: Role): Promise<Reply> {
  const made = normalizeRole(given)
  roles.write(store, made, name)
  return reply({ data: { ...made }, warnings: await warningsOf(store, given, made) })
}

async function warningsOf(store: Transaction, given: Role, made: Role): Promise<string[]> {
  const warnings: string[] = []
  if (given.no_store && given.generate_lease) warnings.push('mutually exclusive values no_store=true and generate_lease=true were both specified; no_store=true takes priority')
  else if (made.generate_lease) warnings.push("it is encouraged to disable generate_lease and rely on PKI's native capabilities when possible; this option can cause instance-wide issues with large numbers of issued certificates")
  if (findIssuerEntry(await readIndex(store), made.issuer_ref) === null) {
    warnings.push(made.issuer_ref === 'default' ? 'Issuing Certificate was set to default, but no default issuing certificate (configurable at /config/issuers) is currently set' : `Issuing Certificate was set to ${made.issuer_ref} but no issuing certificate currently has that name`)
  }
  return warnings
}

export const readRole = role.read({
  summary: 'Show a role.',
  output: roleFields,
  async handle({ params, store }) {
    const found = await roles.read(store, params.name)
    return found === null ? null : { ...found }
  },
})

export const writeRole = role.write({
  summary: 'Create or replace a role.',
  input: roleFields,
  output: roleFields,
  exists: async ({ params, store }) => (await roles.read(store, params.name)) !== null,
  handle: ({ params, input, store }) => writeChecked(store, params.name, input),
})

export const patchRole = role.patch({
  summary: 'Change fields of a role.',
  input: Object.fromEntries(Object.entries(roleFields).map(([name, field]) => [name, { ...field, required: false, fallback: undefined }])),
  output: roleFields,
  async handle({ params, body, store }) {
    const before = await roles.read(store, params.name)
    if (before === null) throw badRequest('Unable to fetch role entry to patch')
    return await writeChecked(store, params.name, merged(before, body ?? {}))
  },
})

/** JSON merge patch (RFC 7396): `null` takes a field back to its default. */
function merged(before: Role, body: JsonObject): Role {
  const fields: Record<string, Json> = { ...(before as unknown as JsonObject) }
  for (const [name, value] of Object.entries(body)) {
    if (!Object.hasOwn(roleFields, name)) continue
    if (value === null) delete fields[name]
    else fields[name] = value
  }
  // A type that is changed brings its own length unless one is given.
  if (Object.hasOwn(body, 'key_type') && !Object.hasOwn(body, 'key_bits')) delete fields['key_bits']
  return parseFields(roleFields, fields).values
}

export const deleteRole = role.delete({
  summary: 'Delete a role. Certificates made with it stay valid.',
  handle({ params, store }) {
    roles.remove(store, params.name)
    return null
  },
})

/** Roles in the form of CEL programs are OpenBao's; none can be made here, so there are none. */
export const listCelRoles = path('cel/roles').list({ summary: 'List the roles in CEL: none.', handle: () => null })

export const listRoles = path('roles').list({
  summary: 'List the roles.',
  input: pageFields,
  handle: async ({ input, store }) => listed(await store.list('roles/', input)),
})

