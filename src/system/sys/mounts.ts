/** `sys/mounts` and `sys/auth`: enabling, showing, tuning and disabling secrets engines and auth methods. Both are the same but for the path. */
import { namedStore } from '../../core/base.ts'
import { changeMount, disableMount, enableMount, finishConversion } from '../../core/mounts/change.ts'
import { conversions, mountRecords, type MountRecord } from '../../core/mounts/record.ts'
import { eachInTurns } from '../../core/turns.ts'
import { badRequest } from '../../kit/errors.ts'
import { defaulted, flag, integer, isJsonObject, object, optional, text, textMap } from '../../kit/fields.ts'
import { setEntry } from '../../kit/json.ts'
import type { Operation } from '../../kit/operation.ts'
import { reply } from '../../kit/result.ts'
import { systemPath, type SystemCall } from '../call.ts'
import { emptyConfig, newConfig, showMount, showTuning, tuned, tuneFields } from './mount-config.ts'

const pathField = { path: text('Where it is mounted.') }

/** With exactly one '/' at its end, as mounts are stored. */
export const mountPath = (kind: 'secret' | 'auth', path: string): string => `${kind === 'auth' ? 'auth/' : ''}${path.replace(/\/+$/, '')}/`

const enableFields = {
  type: optional(text('Type of the engine or method, such as `kv` or `userpass`.')),
  description: defaulted(text('What it is for.'), ''),
  config: defaulted(object('Lease times, visibility and the like: see tuning.'), {}),
  options: optional(textMap('Options of the engine, such as `version` of KV.')),
  local: defaulted(flag('Accepted and shown; there is no replication.'), false),
  seal_wrap: defaulted(flag('Accepted and shown; everything is sealed.'), false),
  external_entropy_access: defaulted(flag('Accepted and shown.'), false),
  plugin_name: defaulted(text('Old form of type.'), ''),
  plugin_version: defaulted(text('Accepted and ignored: engines are built in.'), ''),
  version: optional(integer('Version of KV, as an option.')),
}

/** `kv-v2` is how people write KV with version 2. */
function typeAndOptions(type: string, options: Readonly<Record<string, string>> | undefined): { type: string; options: Readonly<Record<string, string>> | undefined } {
  if (type === 'kv-v1' || type === 'generic') return { type: 'kv', options: { ...options, version: '1' } }
  return type === 'kv-v2' ? { type: 'kv', options: { ...options, version: '2' } } : { type, options }
}

function checkType(kind: 'secret' | 'auth', type: string | undefined, pluginName: string): string {
  const chosen = type === 'plugin' ? pluginName : type
  if (chosen === undefined || chosen === '') throw badRequest('backend type must be specified as a string')
  if (kind === 'auth' && chosen === 'token') throw badRequest('token credential backend cannot be instantiated')
  if (kind === 'secret' && ['cubbyhole', 'system', 'identity'].includes(chosen)) throw badRequest(`mount type of ${JSON.stringify(chosen)} is not mountable`)
  return chosen
}

function operationsFor(kind: 'secret' | 'auth'): Operation[] {
  const base = kind === 'auth' ? 'auth' : 'mounts'
  const what = kind === 'auth' ? 'auth method' : 'secrets engine'
  const one = systemPath(`${base}/{path*}` as 'mounts/{path*}', pathField)
  const tune = systemPath(`${base}/{path*}/tune` as 'mounts/{path*}/tune', pathField)
  return [
    systemPath(base).read({
      summary: `Show every ${what}.`,
      access: kind === 'auth' ? 'sudo' : 'policy',
      handle: async ({ core }) => reply({ data: await showAll(core, kind), repeatedAtTop: true }),
    }),
    one.read({
      summary: `Show one ${what}.`,
      access: kind === 'auth' ? 'sudo' : 'policy',
      async handle({ core, params }) {
        const path = mountPath(kind, params.path)
        const mount = await core.mounts.at(path)
        if (mount === null || (kind === 'secret') === (mount.record.kind === 'auth')) throw badRequest(`No ${kind === 'auth' ? 'auth' : 'secret'} engine at ${shortPath(kind, path)}`.replace('No secret engine at', 'No secret engine mount at'))
        return reply({ data: showMount(mount.record), repeatedAtTop: true })
      },
    }),
    one.write({
      summary: `Enable a ${what}.`.replace('a auth', 'an auth'),
      access: kind === 'auth' ? 'sudo' : 'policy',
      input: enableFields,
      async handle({ core, unit, params, input }) {
        const { type, options } = typeAndOptions(checkType(kind, input.type, input.plugin_name), input.options)
        const config = { ...emptyConfig, ...newConfig(core, kind, isJsonObject(input.config) ? input.config : {}) }
        await enableMount(core, unit, {
          path: mountPath(kind, params.path), kind, type, description: input.description, local: input.local, sealWrap: input.seal_wrap,
          externalEntropy: input.external_entropy_access, options: options ?? {}, config,
        })
        return null
      },
    }),
    one.delete({
      summary: `Disable the ${what}: its leases are revoked and its data removed.`,
      access: kind === 'auth' ? 'sudo' : 'policy',
      async handle({ core, params }) {
        const path = mountPath(kind, params.path)
        if (path === 'auth/token/') throw badRequest('token credential backend cannot be disabled')
        return (await disableMount(core, path)) === 'later' ? reply({ warnings: [stillRemoved] }) : null
      },
    }),
    tune.read({
      summary: `Show how the ${what} is tuned.`,
      access: kind === 'auth' ? 'sudo' : 'policy',
      async handle({ core, params }) {
        const path = mountPath(kind, params.path)
        const mount = await core.mounts.at(path)
        if (mount === null) throw badRequest(`cannot fetch sysview for path ${JSON.stringify(path)}`)
        return reply({ data: showTuning(core, mount.record), repeatedAtTop: true })
      },
    }),
    tune.write({
      summary: `Tune the ${what}.`,
      access: kind === 'auth' ? 'sudo' : 'policy',
      input: tuneFields,
      handle: async (call) => await tuneMount(call, mountPath(kind, call.params.path), call.input),
    }),
  ]
}

const stillRemoved = 'The mount is disabled and answers nothing any more. What it issued is still being revoked and its data removed, in the background; until that is done its path cannot be used again.'

const shortPath = (kind: 'secret' | 'auth', path: string): string => (kind === 'auth' ? path.slice(5) : path)

async function showAll(core: SystemCall['core'], kind: 'secret' | 'auth'): Promise<Record<string, unknown>> {
  const shown: Record<string, unknown> = {}
  await eachInTurns(await core.mounts.list(kind === 'auth' ? 'auth' : 'secret'), ({ record }) => setEntry(shown, shortPath(kind, record.path), showMount(record)))
  return shown
}

async function tuneMount(call: SystemCall, path: string, input: Parameters<typeof tuned>[2]): Promise<ReturnType<typeof reply> | null> {
  const { core, unit } = call
  const before = await mountRecords.read(unit.on(namedStore(core)), path)
  if (before === null) throw badRequest(`tune of path ${JSON.stringify(path)} failed: no mount entry found`)
  const upgrade = input.options === undefined ? null : checkUpgrade(before, input.options, core)
  await changeMount(core, unit, path, (record) => ({
    ...tuned(core, record, input),
    ...(input.options === undefined ? {} : { options: { ...record.options, ...input.options } }),
  }))
  return upgrade === null ? null : startUpgrade(call as SystemCall & { afterCommit: (work: () => void) => void }, before, upgrade)
}

interface Upgrade {
  readonly from: string
  readonly to: string
}

/** A change of `version` is a change of engine: only upwards, and only where the newer engine can convert. */
function checkUpgrade(record: MountRecord, options: Readonly<Record<string, string>>, core: SystemCall['core']): Upgrade | null {
  const from = record.options?.['version'] ?? '1'
  const to = options['version']
  if (record.type !== 'kv' || to === undefined || to === from) return null
  if (core.registry.find(record.kind, record.type, { version: to }) === null) throw badRequest(`invalid version ${JSON.stringify(to)}`)
  if (to < from) throw badRequest('cannot downgrade mount from version 2')
  return { from, to }
}

/** Converting goes on after the answer; until it is done the engine refuses requests with a text that clients wait on. */
function startUpgrade(call: SystemCall & { afterCommit: (work: () => void) => void }, record: MountRecord, { from, to }: Upgrade): ReturnType<typeof reply> {
  const { core, unit } = call
  conversions.write(unit.on(namedStore(core)), { path: record.path, from }, record.uuid)
  call.afterCommit(() => {
    finishConversion(core, record.uuid).catch((error: unknown) =>
      core.host.log('error', 'mounts', 'conversion failed; it goes on by itself', { path: record.path, error: error instanceof Error ? error.message : 'unknown' }))
  })
  return reply({ warnings: [`Upgrading mount from version ${from} to version ${to}. This mount will be unavailable for a brief period and will resume service shortly.`] })
}

export const mountOperations = [...operationsFor('secret'), ...operationsFor('auth')]
