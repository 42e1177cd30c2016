/** `keys/`, `creds/` and `rotate/`: credentials of services, which get others by and by. */
import { badRequest } from '../../kit/errors.ts'
import { duration, flag, nameText, optional, secret, text, textMap, type ValuesOf } from '../../kit/fields.ts'
import { path, type Call } from '../../kit/operation.ts'
import type { Outside } from '../../kit/outside.ts'
import { listed, type Data } from '../../kit/result.ts'
import { reschedule } from '../../kit/rotation/record.ts'
import { rotating } from '../../kit/rotation/rotator.ts'
import { never, nextAfter, parseSchedule } from '../../kit/rotation/schedule.ts'
import { rotationShown } from '../../kit/rotation/show.ts'
import { formatTime } from '../../kit/time.ts'
import { listPage, pageFields } from '../walk.ts'
import { keys, services, uses, type Key, type Previous, type Service } from './records.ts'
import { checkGiven, keeper, keyName, resolveSubject, retirePrefix } from './rotation.ts'
import { checkValues } from './services.ts'

const fields = {
  service: optional(text('The service that has it. It cannot be changed later.')),
  params: optional(textMap('What the recipe may use as `{{param.NAME}}`: the user, the project that the key is for.')),
  values: optional(secret(textMap('The credential as it is, where there is one already.'))),
  skip_import_rotation: optional(flag('Leave it as it is until the first rotation is due.')),
  rotation_period: optional(duration('How often it is rotated by itself: 5 seconds or more; 0: only when asked for.')),
  rotation_schedule: optional(text('When it is, as cron has it, in UTC.')),
  rotation_window: optional(duration('How long after that it may still be tried: an hour or more.')),
}
type Input = ValuesOf<typeof fields>
type WriteCall = Call<{ readonly name: string }, Input>

async function resolveService({ store }: WriteCall, name: string): Promise<Service> {
  if (name === '') throw badRequest('service is missing')
  const found = await services.read(store, name)
  if (found === null) throw badRequest(`there is no service ${JSON.stringify(name)}`)
  return found
}

/** What the record becomes, with the times of its rotation as they were. Throws `bad_request`. */
function changed(input: Input, before: Key | null, { overlapSeconds }: Service): Key {
  if (before !== null && input.service !== undefined && input.service !== before.service) throw badRequest('service cannot be changed: make another key')
  if (before !== null && (input.values ?? input.skip_import_rotation) !== undefined) throw badRequest('values and skip_import_rotation are for a new key')
  if (before?.successor != null && input.params !== undefined) throw badRequest('params cannot be changed while a rotation is open')
  const isEnded = input.rotation_period === 0 && (input.rotation_schedule ?? '') === ''
  const schedule = isEnded ? null : parseSchedule(input, before?.schedule ?? null)
  if (schedule !== null && schedule.periodSeconds > 0 && schedule.periodSeconds <= overlapSeconds) throw badRequest(`rotation_period must be longer than the overlap of the service, ${overlapSeconds} seconds`)
  const given = checkValues('values', input.values ?? {})
  return {
    service: before?.service ?? input.service ?? '',
    params: checkValues('params', input.params ?? before?.params ?? {}),
    secret: before?.secret ?? (Object.keys(given).length === 0 ? null : { id: '', values: given, isMade: true }),
    previous: before?.previous ?? null, schedule, rotation: before?.rotation ?? never, successor: before?.successor ?? null,
  }
}

const key = path('keys/{name}', { name: nameText('Name of the key.') })

const write = key.write({
  summary: 'Look after a credential of a service, or change how it is looked after.',
  description: 'A new one is rotated at once, which shows that the recipe works, unless it is left as it is by `skip_import_rotation`.',
  input: fields,
  exists: async ({ params, store }) => (await keys.read(store, params.name)) !== null,
  async handle(call) {
    const { params: { name }, input, store, now } = call
    const before = await keys.read(store, name)
    const made = changed(input, before, await resolveService(call, before?.service ?? input.service ?? ''))
    if (before === null) return await takeOver(call, made)
    // A rotation that is open keeps its own time.
    const nextAt = before.successor === null ? dueAfter(made, made.rotation.lastAt || now, now) : made.rotation.nextAt
    keys.write(store, { ...made, rotation: { ...made.rotation, nextAt } }, name)
    reschedule(store, keyName(name), before.rotation.nextAt, nextAt)
    return null
  },
})

const dueAfter = ({ schedule }: Key, last: number, now: number): number => (schedule === null ? 0 : nextAfter(schedule, last, now))

/** The first rotation shows that the recipe works; one that is left as it is must at least be good. */
async function takeOver(call: WriteCall, made: Key): Promise<Outside | null> {
  const { params: { name }, input, store, now } = call
  uses.write(store, {}, made.service, name)
  if (input.skip_import_rotation === true) {
    if (made.secret === null) throw badRequest('values are needed with skip_import_rotation')
    const nextAt = dueAfter(made, now, now)
    keys.write(store, { ...made, rotation: { ...never, nextAt } }, name)
    reschedule(store, keyName(name), 0, nextAt)
    await checkGiven(await resolveSubject(store, name), made.secret)
    return null
  }
  keys.write(store, made, name)
  return await rotating(keeper, call, await resolveSubject(store, name), {
    dropped(after) {
      keys.remove(after, name)
      uses.remove(after, made.service, name)
    },
  })
}

const read = key.read({
  summary: 'Show how a credential is looked after, without the credential.',
  async handle({ params, store, now }) {
    const found = await keys.read(store, params.name)
    if (found === null) return null
    const { service, params: given, rotation, schedule, successor, previous, secret: current } = found
    return { service, params: given, value_names: Object.keys(current?.values ?? {}).sort(), ...rotationShown(rotation, schedule, successor), ...retirementShown(previous, now) }
  },
})

/** What becomes of the credential of before. */
function retirementShown(previous: Previous | null, now: number): Data {
  if (previous === null) return {}
  const { until, failure, failures, nextAt } = previous
  const isValid = until > now
  return { previous_state: isValid ? 'valid' : 'being taken away', ...(isValid ? { previous_until: formatTime(until) } : {}), ...(failure === '' ? {} : { previous_error: failure, previous_failures: failures, previous_next_attempt: formatTime(nextAt) }) }
}

const remove = key.delete({
  summary: 'Forget a credential. It stays valid at the service, and so may the one of before.',
  async handle({ params: { name }, store }) {
    const found = await keys.read(store, name)
    if (found === null) return null
    keys.remove(store, name)
    uses.remove(store, found.service, name)
    reschedule(store, keyName(name), found.rotation.nextAt, 0)
    reschedule(store, keyName(name), found.previous?.nextAt ?? 0, 0, retirePrefix)
    return null
  },
})

const list = path('keys').list({ summary: 'List the keys.', input: pageFields, handle: async ({ store, input }) => listed(await listPage(store, 'key/', input)) })

const creds = path('creds/{name}', { name: nameText('Name of the key.') }).read({
  summary: 'Show a credential as it is now, and the one of before for as long as that is valid as well.',
  async handle({ params: { name }, store, now }) {
    const found = await keys.read(store, name)
    if (found === null) throw badRequest(`there is no key ${JSON.stringify(name)}`)
    const { service, secret: current, previous, rotation: { lastAt, nextAt } } = found
    if (current === null) throw badRequest(`the credential of ${JSON.stringify(name)} is not known before its first rotation`)
    const isBoth = previous !== null && previous.until > now
    return {
      service, credential: current.values, ...(isBoth ? { previous: previous.secret.values, previous_until: formatTime(previous.until) } : {}),
      last_vault_rotation: lastAt === 0 ? null : formatTime(lastAt), ttl: nextAt === 0 ? 0 : Math.max(0, Math.round((nextAt - now) / 1000)),
    }
  },
})

const rotate = path('rotate/{name}', { name: nameText('Name of the key.') }).write({
  summary: 'Rotate a credential now.',
  description: 'One of before that is still valid is taken away first, so two rotations in a row leave nothing of what somebody may have seen.',
  handle: async (call) => await rotating(keeper, call, await resolveSubject(call.store, call.params.name)),
})

export const keyOperations = [list, write, read, remove, creds, rotate]
