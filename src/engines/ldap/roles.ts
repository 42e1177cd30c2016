/** `role/` and `creds/`: entries that are made by an LDIF, and live as long as their lease. */
import { plainName } from '../../crypto/name-template.ts'
import type { LeaseKind } from '../../kit/engine.ts'
import { badRequest } from '../../kit/errors.ts'
import { duration, optional, text, type ValuesOf } from '../../kit/fields.ts'
import { path } from '../../kit/operation.ts'
import { NothingDone, outside } from '../../kit/outside.ts'
import { listed } from '../../kit/result.ts'
import { listPage, pageFields } from '../walk.ts'
import { resolveConfig } from './config.ts'
import { withDirectory, withinSeconds } from './directory.ts'
import type { LdifChange } from './ldif.ts'
import { folderBelow, hierarchicalName } from './names.ts'
import { makePassword } from './passwords.ts'
import { roles, type Config, type Role } from './records.ts'
import { checkPassword, checkTemplates, fillCreation, fillDeletion, makeUsername, type Filling } from './templates.ts'

const fields = {
  creation_ldif: optional(text('LDIF that makes the entry: `{{.Username}}` and `{{.Password}}` are filled in. May be in base64.')),
  deletion_ldif: optional(text('LDIF that removes it.')),
  rollback_ldif: optional(text('LDIF that clears away what a failed creation left; default: the one that removes it.')),
  username_template: optional(text('Template of the names of users.')),
  default_ttl: optional(duration('How long an entry lives; 0: the default of the mount.')),
  max_ttl: optional(duration('How long it can be renewed for; 0: the maximum of the mount.')),
}

/** What looks like base64 is. */
function decoded(text: string): string {
  const isBase64 = text !== '' && text.length % 4 === 0 && /^[\w+/]+={0,2}$/.test(text)
  return isBase64 ? Buffer.from(text, 'base64').toString('utf8') : text
}

function changed(input: ValuesOf<typeof fields>, before: Role | null): Role {
  const made = {
    creation: decoded(input.creation_ldif ?? before?.creation ?? ''),
    deletion: decoded(input.deletion_ldif ?? before?.deletion ?? ''),
    rollback: decoded(input.rollback_ldif ?? before?.rollback ?? ''),
    usernameTemplate: input.username_template ?? before?.usernameTemplate ?? '',
    defaultTtl: input.default_ttl ?? before?.defaultTtl ?? 0,
    maxTtl: input.max_ttl ?? before?.maxTtl ?? 0,
  }
  checkTemplates(made)
  return made
}

const role = path('role/{name*}', { name: hierarchicalName('Name of the role; parts are separated by `/`.') })

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
      creation_ldif: found.creation, deletion_ldif: found.deletion, rollback_ldif: found.rollback, username_template: found.usernameTemplate,
      default_ttl: found.defaultTtl, max_ttl: found.maxTtl,
    }
  },
})

const remove = role.delete({
  summary: 'Delete a role. Its entries live on until their leases end.',
  handle({ params, store }) {
    roles.remove(store, params.name)
    return null
  },
})

const list = role.list({
  summary: 'List the roles, all or those of a folder.',
  input: pageFields,
  handle: async ({ params, store, input }) => listed(await listPage(store, folderBelow('role/', params.name), input)),
})

export const leaseKind = 'creds'

interface Internal {
  readonly [key: string]: unknown
  readonly role: string
  readonly deletion: string
  readonly filling: Filling
}

const creds = path('creds/{name*}', { name: hierarchicalName('Name of the role.') }).read({
  summary: 'Make an entry.',
  async handle({ params: { name }, store, mount, caller, now, random, makePassword: byPolicy }) {
    const found = await roles.read(store, name)
    if (found === null) return null
    const config = await resolveConfig(store)
    const username = makeUsername(found.usernameTemplate, { role: name, caller, now, random })
    const password = await makePassword({ random, makePassword: byPolicy }, config)
    checkPassword(password)
    const expiresAt = now + (found.defaultTtl || mount.defaultLeaseSeconds) * 1000
    const filling: Filling = { username, displayName: plainName(caller?.displayName ?? ''), role: name, issuedAt: now, expiresAt }
    const changes = fillCreation(found.creation, filling, password, random)
    return outside({
      lease: { kind: leaseKind, ttlSeconds: found.defaultTtl, maxTtlSeconds: found.maxTtl, renewable: true, internal: { role: name, deletion: found.deletion, filling } satisfies Internal },
      withinSeconds: withinSeconds(config) * 2,
      act: ({ signal }) => create(config, changes, found.rollback === '' ? null : fillDeletion(found.rollback, filling, 'rollback_ldif'), signal),
      finish: () => ({ username, password, distinguished_names: changes.map(({ dn }) => dn) }),
    })
  },
})

/** What fails midway is rolled back as the role says, and then undone as if it had been made. */
async function create(config: Config, changes: readonly LdifChange[], rollback: readonly LdifChange[] | null, signal: AbortSignal): Promise<void> {
  try {
    await withDirectory(config, signal, (directory) => directory.apply(changes))
  } catch (error) {
    if (rollback !== null && !(error instanceof NothingDone)) await withDirectory(config, signal, (directory) => directory.clear(rollback)).catch(() => undefined)
    throw error
  }
}

export const credsLeases: LeaseKind = {
  async renew({ store, internal }) {
    const found = await roles.read(store, (internal as Internal).role)
    if (found === null) throw badRequest('unable to renew: role does not exist')
    return { ttlSeconds: found.defaultTtl, maxTtlSeconds: found.maxTtl }
  },
  // The LDIF of the role as it was: another one may be about other entries, and these would be taken for deleted.
  async revoke({ store, internal }) {
    const { deletion, filling } = internal as Internal
    const changes = fillDeletion(deletion, filling)
    await withDirectory(await resolveConfig(store), new AbortController().signal, (directory) => directory.clear(changes))
  },
}

export const roleOperations = [list, write, read, remove, creds]
