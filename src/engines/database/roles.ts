/** `roles/`: what users are made of. */
import { badRequest } from '../../kit/errors.ts'
import { defaulted, duration, integer, nameText, optional, plainList, text, textMap, type ValuesOf } from '../../kit/fields.ts'
import { path } from '../../kit/operation.ts'
import { listed } from '../../kit/result.ts'
import { parseCredentialConfig, parseCredentialType, shownConfig } from './credentials.ts'
import { roles, staticRoles, type Role } from './records.ts'

const fields = {
  db_name: optional(text('Connection that the role uses.')),
  creation_statements: optional(plainList('Statements that make a user: `{{name}}`, `{{password}}`, `{{expiration}}` are filled in.')),
  revocation_statements: optional(plainList('Statements that remove one; default: as the database needs it.')),
  rollback_statements: optional(plainList('Statements that clear away what a failed creation left.')),
  renew_statements: optional(plainList('Statements that let a user live longer; default: as the database needs it.')),
  default_ttl: optional(duration('How long a user lives; 0: the default of the mount.')),
  max_ttl: optional(duration('How long it can be renewed for; 0: the maximum of the mount.')),
  credential_type: optional(text('`password`, `rsa_private_key` or `client_certificate`.')),
  credential_config: optional(textMap('How the credential is made: `password_policy`; `key_bits`, `format`; for certificates `ca_cert`, `ca_private_key`, `key_type`, `key_bits`, `signature_bits`, `common_name_template`.')),
}
type Input = ValuesOf<typeof fields>

export const pageFields = { after: defaulted(text('Only names after this one.'), ''), limit: defaulted(integer('At most so many; 0 or less: all.'), 0) }
export const pageOf = ({ after, limit }: ValuesOf<typeof pageFields>): { after: string; limit?: number } => ({ after, ...(limit > 0 ? { limit } : {}) })

/** Throws `bad_request`. */
function changed(input: Input, before: Role | null): Role {
  const database = input.db_name ?? before?.database ?? ''
  if (database === '') throw badRequest('database name is required')
  const credentialType = input.credential_type === undefined ? (before?.credentialType ?? 'password') : parseCredentialType(input.credential_type)
  const isNewConfig = input.credential_config !== undefined || credentialType !== before?.credentialType
  return {
    database,
    credentialType,
    credentialConfig: isNewConfig ? parseCredentialConfig(credentialType, input.credential_config ?? {}) : before.credentialConfig,
    creation: input.creation_statements ?? before?.creation ?? [],
    revocation: (input.revocation_statements ?? before?.revocation ?? []).filter((statement) => statement !== ''),
    rollback: input.rollback_statements ?? before?.rollback ?? [],
    renewal: input.renew_statements ?? before?.renewal ?? [],
    defaultTtl: input.default_ttl ?? before?.defaultTtl ?? 0,
    maxTtl: input.max_ttl ?? before?.maxTtl ?? 0,
  }
}

const role = path('roles/{name}', { name: nameText('Name of the role.') })

export const roleOperations = [
  path('roles').list({ summary: 'List the roles.', input: pageFields, handle: async ({ store, input }) => listed(await store.list('role/', pageOf(input))) }),
  role.write({
    summary: 'Create or change a role.',
    input: fields,
    exists: async ({ params, store }) => (await roles.read(store, params.name)) !== null,
    async handle({ params: { name }, input, store }) {
      if ((await staticRoles.read(store, name)) !== null) throw badRequest('Role and Static Role names must be unique')
      roles.write(store, changed(input, await roles.read(store, name)), name)
      return null
    },
  }),
  role.read({
    summary: 'Show a role.',
    async handle({ params, store }) {
      const found = await roles.read(store, params.name)
      return found === null ? null : {
        db_name: found.database,
        creation_statements: found.creation,
        revocation_statements: found.revocation,
        rollback_statements: found.rollback,
        renew_statements: found.renewal,
        default_ttl: found.defaultTtl,
        max_ttl: found.maxTtl,
        credential_type: found.credentialType,
        ...shownConfig(found.credentialConfig),
      }
    },
  }),
  role.delete({
    summary: 'Delete a role. Its users stay until their leases end.',
    handle({ params, store }) {
      roles.remove(store, params.name)
      return null
    },
  }),
]
