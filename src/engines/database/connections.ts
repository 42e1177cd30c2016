/** `config/`: the connections, and `reset/` and `reload/`, which close and open them anew. */
import { parseNameTemplate } from '../../crypto/name-template.ts'
import { badRequest } from '../../kit/errors.ts'
import { defaulted, duration, flag, list, nameText, optional, plainList, text, type ValuesOf } from '../../kit/fields.ts'
import type { JsonObject } from '../../kit/json.ts'
import { path, type Call } from '../../kit/operation.ts'
import { listed } from '../../kit/result.ts'
import { reschedule, type Schedule } from '../../kit/rotation/record.ts'
import { never, nextAfter, parseSchedule } from '../../kit/rotation/schedule.ts'
import { rotationShown } from '../../kit/rotation/show.ts'
import type { Transaction } from '../../kit/store.ts'
import { limitsOf, textDetail } from './details.ts'
import { driverOf } from './drivers/list.ts'
import { verifyDetails, type Pools } from './pools.ts'
import { connections, isSelfManaged, type Connection } from './records.ts'
import { userFields } from './username.ts'

const fields = {
  plugin_name: optional(text('Kind of the database, as `postgresql-database-plugin`.')),
  plugin_version: optional(text('Accepted for clients that send it: what is built in has one version.')),
  verify_connection: defaulted(flag('Log in before the connection is kept.'), true),
  allowed_roles: optional(list('Roles that may use the connection; `*` at the end of one, or alone, stands for anything.')),
  root_rotation_statements: optional(plainList('Statements that give the administrator another password.')),
  password_policy: optional(text('Policy that passwords are made by.')),
  rotation_period: optional(duration('How often the password of the administrator is changed by itself.')),
  rotation_schedule: optional(text('When it is, as cron has it, in UTC.')),
  rotation_window: optional(duration('How long after that it may still be tried.')),
  disable_automated_rotation: optional(flag('Do not change it by itself.')),
}
type Input = ValuesOf<typeof fields>

/** What is in the body besides these is a detail of the connection. */
const notDetails = new Set([...Object.keys(fields), 'name'])

const noConnection = (name: string): Error => badRequest(`failed to find entry for connection with name: ${JSON.stringify(name)}`)

/** Throws `bad_request` with Vault's words. */
export async function resolveConnection(store: Transaction, name: string): Promise<Connection> {
  const found = await connections.read(store, name)
  if (found === null) throw noConnection(name)
  return found
}

const newRevision = (random: (bytes: number) => Uint8Array): string => Buffer.from(random(12)).toString('base64url')

function detailsOf(body: JsonObject | null, before: Connection | null): JsonObject {
  const given = Object.entries(body ?? {}).filter(([key]) => !notDetails.has(key))
  return { ...before?.details, ...Object.fromEntries(given) }
}

const semver = /^v?\d+(?:\.\d+)*(?:-[\w.]+)?(?:\+[\w.]+)?$/

function versionOf(given: string | undefined, before: string): string {
  if (given === undefined) return before
  if (given !== '' && !semver.test(given)) throw badRequest(`version ${JSON.stringify(given)} is not a valid semantic version: malformed version: ${given}`)
  return given === '' ? '' : `v${given.replace(/^v/, '')}`
}

function scheduleOf(input: Input, before: Schedule | null): Schedule | null {
  if (input.disable_automated_rotation === true) return null
  const isCleared = input.rotation_period === 0 && (input.rotation_schedule ?? '') === ''
  return isCleared ? null : parseSchedule(input, before)
}

/** What the record becomes. Throws `bad_request`. */
function changed({ input, body, now, random }: Pick<Call<unknown, Input>, 'input' | 'body' | 'now' | 'random'>, before: Connection | null): Connection {
  const plugin = input.plugin_name ?? before?.plugin ?? ''
  if (plugin === '') throw badRequest('empty plugin name')
  const schedule = scheduleOf(input, before?.schedule ?? null)
  const rotation = before?.rotation ?? never
  const isSamePassword = body === null || !Object.hasOwn(body, 'password')
  return {
    plugin,
    version: versionOf(input.plugin_version, before?.version ?? ''),
    allowedRoles: input.allowed_roles ?? before?.allowedRoles ?? [],
    passwordPolicy: input.password_policy ?? before?.passwordPolicy ?? '',
    rotationStatements: input.root_rotation_statements ?? before?.rotationStatements ?? [],
    details: detailsOf(body, before),
    revision: newRevision(random),
    schedule,
    rotation: { ...rotation, nextAt: schedule === null ? 0 : nextAfter(schedule, rotation.lastAt || now, now) },
    // Whoever says what the password is knows better than an open rotation.
    successor: isSamePassword ? (before?.successor ?? null) : null,
  }
}

/** A password in the URL is there for whoever may read it. */
function warnOfUrl(details: JsonObject, warn: (text: string) => void): void {
  if (/^[\w+.-]+:\/\/[^/@:]*:(?!\{\{password\}\}@)[^/@]+@/.test(textDetail(details, 'connection_url')))
    warn('Password found in connection_url, use a templated url to enable root rotation and prevent read access to password information.')
}

const hiddenUrl = (url: string): string => url.replace(/^([\w+.-]+:\/\/[^/@:]*:)(?!\{\{password\}\}@)[^/@]+@/, '$1xxxxx@')

/** Never shown, of any driver. */
const secretDetails = new Set(['password', 'private_key', 'secret_key', 'token', 'api_key', 'pem_bundle', 'pem_json', 'tls_key'])

function shownDetails({ plugin, details }: Connection): JsonObject {
  const hidden = new Set(driverOf(plugin).secretDetails)
  const shown = Object.entries(details).filter(([key]) => !secretDetails.has(key) && !hidden.has(key))
  return Object.fromEntries(shown.map(([key, value]) => [key, key === 'connection_url' && typeof value === 'string' ? hiddenUrl(value) : value]))
}

/** What the configuration is used for is tried out before it is kept. Throws `bad_request`. */
async function check(connection: Connection, isToConnect: boolean): Promise<void> {
  const { plugin, details } = connection
  const driver = driverOf(plugin)
  driver.target(details)
  limitsOf(details)
  const template = textDetail(details, 'username_template')
  if (template !== '') {
    try {
      parseNameTemplate(template, userFields)
    } catch (error) {
      throw badRequest(`error creating database object: ${error instanceof Error ? error.message : 'unusable username_template'}`, { cause: error })
    }
  }
  if (isToConnect && !isSelfManaged(connection)) await verifyDetails(driver, details)
}

export function connectionOperations(pools: Pools) {
  const connection = path('config/{name}', { name: nameText('Name of the connection.') })
  const write = connection.write({
    summary: 'Configure a connection to a database.',
    description: 'What is left out stays as it was. Everything besides the fields below is a detail of the connection: see the README of the engine.',
    input: fields,
    arbitraryInput: true,
    exists: async ({ params, store }) => (await connections.read(store, params.name)) !== null,
    async handle(call) {
      const { params: { name }, input, store, warn } = call
      const before = await connections.read(store, name)
      const made = changed(call, before)
      await check(made, input.verify_connection)
      connections.write(store, made, name)
      reschedule(store, { kind: 'root', name }, before?.rotation.nextAt ?? 0, made.rotation.nextAt)
      warnOfUrl(made.details, warn)
      return null
    },
  })
  const read = connection.read({
    summary: 'Show a connection, without its password.',
    async handle({ params, store }) {
      const found = await connections.read(store, params.name)
      return found === null ? null : {
        allowed_roles: found.allowedRoles,
        connection_details: shownDetails(found),
        password_policy: found.passwordPolicy,
        plugin_name: found.plugin,
        plugin_version: found.version,
        root_credentials_rotate_statements: found.rotationStatements,
        ...rotationShown(found.rotation, found.schedule, found.successor),
      }
    },
  })
  const remove = connection.delete({
    summary: 'Forget a connection.',
    async handle({ params: { name }, store, mount, afterCommit }) {
      const found = await connections.read(store, name)
      if (found === null) return null
      connections.remove(store, name)
      reschedule(store, { kind: 'root', name }, found.rotation.nextAt, 0)
      afterCommit(() => pools.forget(mount.uuid, name))
      return null
    },
  })
  return [path('config').list({ summary: 'List the connections.', handle: async ({ store }) => listed(await store.list('config/')) }), write, read, remove, ...resetOperations()]
}

function resetOperations() {
  const reset = path('reset/{name}', { name: nameText('Name of the connection.') }).write({
    summary: 'Close the open connections of a configuration; new ones are opened when they are needed.',
    async handle({ params, store, random }) {
      const found = await resolveConnection(store, params.name)
      connections.write(store, { ...found, revision: newRevision(random) }, params.name)
      return null
    },
  })
  const reload = path('reload/{plugin_name}', { plugin_name: text('Kind of database.') }).write({
    summary: 'Close the open connections of all configurations of one kind of database.',
    async handle({ params, store, random }) {
      const names: string[] = []
      for (const name of await store.list('config/')) {
        const found = await connections.read(store, name)
        if (found?.plugin !== params.plugin_name) continue
        connections.write(store, { ...found, revision: newRevision(random) }, name)
        names.push(name)
      }
      if (names.length === 0) throw badRequest(`no connections were found with plugin_name ${JSON.stringify(params.plugin_name)}`)
      return { connections: names, count: names.length }
    },
  })
  return [reset, reload]
}
