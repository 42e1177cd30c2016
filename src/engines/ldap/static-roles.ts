/** `static-role/`, `static-cred/` and `rotate-role/`: accounts that are there already, and get another password by and by. */
import { badRequest } from '../../kit/errors.ts'
import { duration, flag, optional, secret, text, type ValuesOf } from '../../kit/fields.ts'
import { path, type Call } from '../../kit/operation.ts'
import type { Outside } from '../../kit/outside.ts'
import { listed } from '../../kit/result.ts'
import { reschedule } from '../../kit/rotation/record.ts'
import { rotating } from '../../kit/rotation/rotator.ts'
import { never, nextAfter, parseSchedule } from '../../kit/rotation/schedule.ts'
import { rotationShown, scheduleShown } from '../../kit/rotation/show.ts'
import { formatTime } from '../../kit/time.ts'
import { listPage, pageFields } from '../walk.ts'
import { resolveConfig } from './config.ts'
import { looksOf } from './directory.ts'
import { folderBelow, hierarchicalName, takeAccount } from './names.ts'
import { managed, staticRoles, type StaticRole } from './records.ts'
import { keeper, readSubject, staticName } from './rotation.ts'

const fields = {
  username: optional(text('Name of the account. It must be there, and cannot be changed later.')),
  dn: optional(text('Its entry, where it is not to be looked for by its name.')),
  password: optional(secret(text('Its password as it is, for an account that keeps it until the first rotation.'))),
  rotation_period: optional(duration('How often it gets another password: 5 seconds or more.')),
  rotation_schedule: optional(text('When it does, as cron has it, in UTC.')),
  rotation_window: optional(duration('How long after that it may still be tried: an hour or more.')),
  skip_import_rotation: optional(flag('Leave the password as it is until the first rotation is due.')),
}
type Input = ValuesOf<typeof fields>
type WriteCall = Call<{ readonly name: string }, Input>

/** Throws `bad_request`, in the order and with the words of Vault. */
function checkGiven(input: Input, before: StaticRole | null): void {
  if (before === null && input.username === undefined) throw badRequest('username is a required field to manage a static account')
  if (input.username === '') throw badRequest('username must not be empty')
  if (before !== null && input.username !== undefined && input.username !== before.username) throw badRequest('cannot update static account username')
  if (before !== null && (input.dn ?? '') !== '' && input.dn !== before.dn) throw badRequest('cannot update static account distinguished name (dn)')
  if (before !== null && input.skip_import_rotation !== undefined) throw badRequest('skip_import_rotation has no effect on updates')
  if (before !== null && input.password !== undefined) throw badRequest('password has no effect on updates')
}

function changed(input: Input, before: StaticRole | null): StaticRole {
  checkGiven(input, before)
  const schedule = parseSchedule(input, before?.schedule ?? null)
  if (schedule === null) throw badRequest('rotation_period is required to create static accounts')
  return {
    username: before?.username ?? input.username ?? '',
    dn: input.dn ?? before?.dn ?? '',
    schedule,
    secret: before?.secret ?? {},
    lastPassword: before?.lastPassword ?? '',
    rotation: before?.rotation ?? never,
    successor: before?.successor ?? null,
  }
}

const role = path('static-role/{name*}', { name: hierarchicalName('Name of the static role; parts are separated by `/`.') })

const write = role.write({
  summary: 'Take over an account, or change how it is looked after.',
  input: fields,
  exists: async ({ params, store }) => (await staticRoles.read(store, params.name)) !== null,
  async handle(call) {
    const { params: { name }, input, store, now } = call
    const before = await staticRoles.read(store, name)
    const made = changed(input, before)
    if (before === null) return await takeOver(call, made)
    // A rotation that is open keeps its own time.
    const nextAt = before.successor === null ? nextAfter(made.schedule, made.rotation.lastAt || now, now) : made.rotation.nextAt
    staticRoles.write(store, { ...made, rotation: { ...made.rotation, nextAt } }, name)
    reschedule(store, staticName(name), before.rotation.nextAt, nextAt)
    return null
  },
})

/** The first rotation shows that the account is there; one that is left as it is must at least have the password that was given. */
async function takeOver(call: WriteCall, made: StaticRole): Promise<Outside | null> {
  const { params: { name }, input, store, now } = call
  const config = await resolveConfig(store)
  await takeAccount(store, made.username, `static-role/${name}`)
  const password = input.password ?? ''
  const known = password === '' ? {} : { password }
  if (input.skip_import_rotation ?? config.settings.skip_static_role_import_rotation) {
    if (password !== '') {
      const looks = await looksOf(config, made, password, new AbortController().signal)
      if (looks !== 'works') throw badRequest(`the password of the account could not be verified: ${looks === 'refused' ? 'the directory refuses it' : looks.unknown}`)
    }
    const nextAt = nextAfter(made.schedule, now, now)
    staticRoles.write(store, { ...made, secret: known, rotation: { ...never, nextAt } }, name)
    reschedule(store, staticName(name), 0, nextAt)
    return null
  }
  staticRoles.write(store, { ...made, secret: known }, name)
  const subject = await readSubject(store, staticName(name))
  if (subject === null) throw badRequest('missing LDAP configuration')
  return await rotating(keeper, call, subject, {
    dropped(after) {
      staticRoles.remove(after, name)
      managed.remove(after, made.username)
    },
  })
}

const read = role.read({
  summary: 'Show a static role.',
  async handle({ params, store }) {
    const found = await staticRoles.read(store, params.name)
    if (found === null) return null
    return { dn: found.dn, username: found.username, rotation_period: found.schedule.periodSeconds, ...rotationShown(found.rotation, found.schedule, found.successor) }
  },
})

const remove = role.delete({
  summary: 'Forget a static role. The account stays as it is.',
  async handle({ params: { name }, store }) {
    const found = await staticRoles.read(store, name)
    if (found === null) return null
    staticRoles.remove(store, name)
    managed.remove(store, found.username)
    reschedule(store, staticName(name), found.rotation.nextAt, 0)
    return null
  },
})

const staticCred = path('static-cred/{name*}', { name: hierarchicalName('Name of the static role.') }).read({
  summary: 'Show the account of a static role and its password as it is now.',
  async handle({ params: { name }, store, now }) {
    const found = await staticRoles.read(store, name)
    if (found === null) throw badRequest(`unknown role: ${name}`)
    const { rotation: { lastAt, nextAt }, secret: { password }, schedule } = found
    if (password === undefined) throw badRequest(`the password of ${JSON.stringify(name)} is not known before its first rotation`)
    return {
      dn: found.dn, username: found.username, password, last_password: found.lastPassword, rotation_period: schedule.periodSeconds, ...scheduleShown(schedule),
      last_vault_rotation: lastAt === 0 ? null : formatTime(lastAt), ttl: Math.max(0, Math.round((nextAt - now) / 1000)),
    }
  },
})

const rotateRole = path('rotate-role/{name*}', { name: hierarchicalName('Name of the static role.') }).write({
  summary: 'Give the account of a static role another password.',
  async handle(call) {
    if ((await staticRoles.read(call.store, call.params.name)) === null) throw badRequest(`role doesn't exist: ${call.params.name}`)
    const subject = await readSubject(call.store, staticName(call.params.name))
    if (subject === null) throw badRequest('missing LDAP configuration')
    return await rotating(keeper, call, subject)
  },
})

const list = role.list({
  summary: 'List the static roles, all or those of a folder.',
  input: pageFields,
  handle: async ({ params, store, input }) => listed(await listPage(store, folderBelow('static-role/', params.name), input)),
})

export const staticRoleOperations = [list, write, read, remove, staticCred, rotateRole]
