/** `static-roles/` and `static-creds/`: accounts that are there already, and get another password by and by. */
import { badRequest } from '../../kit/errors.ts'
import { duration, flag, nameText, optional, plainList, secret, text, textMap, type ValuesOf } from '../../kit/fields.ts'
import { path, type Call } from '../../kit/operation.ts'
import type { Outside } from '../../kit/outside.ts'
import { listed, type Data } from '../../kit/result.ts'
import { reschedule } from '../../kit/rotation/record.ts'
import { rotating } from '../../kit/rotation/rotator.ts'
import { never, nextAfter, parseSchedule } from '../../kit/rotation/schedule.ts'
import { rotationShown, scheduleShown } from '../../kit/rotation/show.ts'
import { formatTime } from '../../kit/time.ts'
import { resolveConnection } from './connections.ts'
import { parseCredentialConfig, parseCredentialType, shownConfig, shownSecret } from './credentials.ts'
import { checkAllowed, guarded } from './creds.ts'
import { probe, type Pools } from './pools.ts'
import { isSelfManaged, roles, staticRoles, type StaticRole } from './records.ts'
import { pageFields, pageOf } from './roles.ts'
import { keeperOf } from './rotation.ts'
import { readSubject } from './subject.ts'

const fields = {
  db_name: optional(text('Connection of the database that has the account.')),
  username: optional(text('The account. It must be there, and cannot be changed later.')),
  password: optional(secret(text('Its password as it is, for an account that keeps it until the first rotation.'))),
  self_managed_password: optional(secret(text('The same, for a connection with `self_managed`, where the account changes its own password.'))),
  rotation_period: optional(duration('How often it gets another password: 5 seconds or more.')),
  rotation_schedule: optional(text('When it does, as cron has it, in UTC.')),
  rotation_window: optional(duration('How long after that it may still be tried: an hour or more.')),
  rotation_statements: optional(plainList('Statements that change the password: `{{name}}` and `{{password}}` are filled in.')),
  skip_import_rotation: optional(flag('Leave the password as it is until the first rotation is due.')),
  credential_type: optional(text('`password` or `rsa_private_key`.')),
  credential_config: optional(textMap('How the credential is made: `password_policy`; `key_bits`, `format`.')),
}
type Input = ValuesOf<typeof fields>
type WriteCall = Call<{ readonly name: string }, Input>

/** Throws `bad_request`, in the order and with the words of Vault. */
function checkNew(input: Input): void {
  if ((input.username ?? '') === '') throw badRequest('username is a required field to create a static account')
  if (input.rotation_period === undefined && (input.rotation_schedule ?? '') === '') throw badRequest('rotation_period is required to create static accounts')
}

/** What the record becomes, with the times of its rotation as they were. Throws `bad_request`. */
function changed(input: Input, before: StaticRole | null): StaticRole {
  const database = input.db_name ?? before?.database ?? ''
  if (database === '') throw badRequest('database name is a required field')
  if (before === null) checkNew(input)
  else if (input.username !== undefined && input.username !== before.username) throw badRequest('cannot update static account username')
  const credentialType = input.credential_type === undefined ? (before?.credentialType ?? 'password') : parseCredentialType(input.credential_type)
  if (credentialType === 'client_certificate') throw badRequest('credential_type client_certificate is for roles that make users, not for static ones')
  const isNewConfig = input.credential_config !== undefined || credentialType !== before?.credentialType
  const schedule = parseSchedule(input, before?.schedule ?? null)
  if (schedule === null) throw badRequest('rotation_period is required to create static accounts')
  return {
    database,
    username: before?.username ?? input.username ?? '',
    credentialType,
    credentialConfig: isNewConfig ? parseCredentialConfig(credentialType, input.credential_config ?? {}) : before.credentialConfig,
    statements: input.rotation_statements ?? before?.statements ?? [],
    schedule,
    secret: before?.secret ?? {},
    rotation: before?.rotation ?? never,
    successor: before?.successor ?? null,
  }
}

export function staticRoleOperations(pools: Pools) {
  const role = path('static-roles/{name}', { name: nameText('Name of the static role.') })
  const write = role.write({
    summary: 'Take over an account, or change how it is looked after.',
    input: fields,
    exists: async ({ params, store }) => (await staticRoles.read(store, params.name)) !== null,
    async handle(call) {
      const { params: { name }, input, store } = call
      if ((await roles.read(store, name)) !== null) throw badRequest('Role and Static Role names must be unique')
      const before = await staticRoles.read(store, name)
      const made = changed(input, before)
      return before === null ? await takeOver(pools, call, made) : update(call, before, made)
    },
  })
  const read = role.read({
    summary: 'Show a static role.',
    async handle({ params, store }) {
      const found = await staticRoles.read(store, params.name)
      return found === null ? null : shown(found)
    },
  })
  const remove = role.delete({
    summary: 'Forget a static role. The account stays as it is.',
    async handle({ params: { name }, store }) {
      const found = await staticRoles.read(store, name)
      staticRoles.remove(store, name)
      reschedule(store, { kind: 'static', name }, found?.rotation.nextAt ?? 0, 0)
      return null
    },
  })
  const list = path('static-roles').list({ summary: 'List the static roles.', input: pageFields, handle: async ({ store, input }) => listed(await store.list('static-role/', pageOf(input))) })
  return [list, write, read, remove, staticCreds]
}

/** A rotation that is open keeps its own time. */
function update({ params: { name }, store, now }: WriteCall, before: StaticRole, made: StaticRole): null {
  const { rotation, schedule } = made
  const nextAt = before.successor === null ? nextAfter(schedule, rotation.lastAt || now, now) : rotation.nextAt
  staticRoles.write(store, { ...made, rotation: { ...rotation, nextAt } }, name)
  reschedule(store, { kind: 'static', name }, before.rotation.nextAt, nextAt)
  return null
}

/** The first rotation shows that the account is there; one that is left as it is must at least have the password that was given. */
async function takeOver(pools: Pools, call: WriteCall, made: StaticRole): Promise<Outside | null> {
  const { params: { name }, input, store, mount, now } = call
  const connection = await resolveConnection(store, made.database)
  const password = input.password ?? input.self_managed_password ?? ''
  if (isSelfManaged(connection) && password === '') throw badRequest('self_managed_password is required: the account changes its own password')
  const secret = password === '' ? {} : { password }
  if (input.skip_import_rotation === true) {
    if (password !== '') await guarded(connection, [secret], () => checkPassword(pools, call, made, password))
    const nextAt = nextAfter(made.schedule, now, now)
    staticRoles.write(store, { ...made, secret, rotation: { ...never, nextAt } }, name)
    reschedule(store, { kind: 'static', name }, 0, nextAt)
    return null
  }
  staticRoles.write(store, { ...made, secret }, name)
  const subject = await readSubject(store, { kind: 'static', name })
  if (subject === null) throw badRequest(`failed to find entry for connection with name: ${JSON.stringify(made.database)}`)
  return await rotating(keeperOf(pools), { ...call, mount }, subject, { dropped: (after) => staticRoles.remove(after, name) })
}

async function checkPassword(pools: Pools, { store, mount }: WriteCall, { database: name, username }: StaticRole, password: string): Promise<void> {
  const looks = await probe(pools.of(mount.uuid, name, await resolveConnection(store, name)), { username, password }, new AbortController().signal)
  if (looks !== 'works') throw badRequest(`the password of the account could not be verified: ${looks === 'refused' ? 'the database refuses it' : looks.unknown}`)
}

function shown(role: StaticRole): Data {
  const { lastAt, nextAt } = role.rotation
  return {
    db_name: role.database,
    username: role.username,
    credential_type: role.credentialType,
    rotation_statements: role.statements,
    ...shownConfig(role.credentialConfig),
    ...rotationShown(role.rotation, role.schedule, role.successor),
    ...(lastAt === 0 ? { last_vault_rotation: null } : {}),
    ...(nextAt === 0 ? { next_vault_rotation: null } : {}),
  }
}

const staticCreds = path('static-creds/{name}', { name: nameText('Name of the static role.') }).read({
  summary: 'Show the account of a static role and its password as it is now.',
  async handle({ params: { name }, store, now }) {
    const role = await staticRoles.read(store, name)
    if (role === null) throw badRequest(`unknown role: ${name}`)
    checkAllowed(await resolveConnection(store, role.database), name)
    const { secret: current, rotation: { lastAt, nextAt }, schedule, username } = role
    if (current.password === undefined && current.privateKey === undefined) throw badRequest(`the password of ${JSON.stringify(name)} is not known before its first rotation`)
    return {
      username,
      ...shownSecret(current),
      ...scheduleShown(schedule),
      last_vault_rotation: lastAt === 0 ? null : formatTime(lastAt),
      ttl: Math.max(0, Math.round((nextAt - now) / 1000)),
    }
  },
})
