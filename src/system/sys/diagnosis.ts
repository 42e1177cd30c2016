/** What operators look at: counters, users who are locked out, versions, the machine, the description of the API. */
import { cpus, freemem, hostname, loadavg, platform, release, totalmem, uptime } from 'node:os'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { namedStore, opaqueStore } from '../../core/base.ts'
import type { Core } from '../../core/core.ts'
import { forgetFailures, isLocked, listFailures, lockoutConfigOf } from '../../core/lockout.ts'
import { mountsOfTypeFolder } from '../../core/mounts/record.ts'
import type { Registered } from '../../core/registry.ts'
import { ApiError } from '../../kit/errors.ts'
import { defaulted, flag, text } from '../../kit/fields.ts'
import { openApiDocument, openApiPaths } from '../../kit/openapi.ts'
import { also } from '../../kit/operation.ts'
import { plainJson, reply } from '../../kit/result.ts'
import { formatTime } from '../../kit/time.ts'
import { systemPath } from '../call.ts'
import { listItem } from '../errors.ts'

const pieceMax = 10_000

/** Counts without loading what is counted. */
async function count(core: Core, folder: string): Promise<number> {
  let total = 0
  for (let after = ''; ; ) {
    const names = await opaqueStore(core).list(folder, { after, limit: pieceMax })
    total += names.length
    if (names.length < pieceMax) return total
    after = names.at(-1) as string
  }
}

const counters = [
  systemPath('internal/counters/tokens').read({ summary: 'How many service tokens there are.', handle: async ({ core }) => ({ counters: { service_tokens: { total: await count(core, 'token/') } } }) }),
  systemPath('internal/counters/entities').read({ summary: 'How many entities there are.', handle: async ({ core }) => ({ counters: { entities: { total: await count(core, 'entity/') } } }) }),
]

interface LockedMount {
  readonly mount_accessor: string
  readonly alias_identifiers: string[]
  counts: number
}

async function lockedUsers(core: Core, only: string): Promise<Record<string, unknown>> {
  const mounts = new Map<string, LockedMount>()
  for (const record of await listFailures(core)) {
    const { mountAccessor, name } = record
    const mount = only === '' || only === mountAccessor ? await core.mounts.byAccessor(mountAccessor) : null
    const config = mount === null ? null : lockoutConfigOf(mount)
    if (config === null || !isLocked(core, record, config)) continue
    const found = mounts.get(mountAccessor) ?? { mount_accessor: mountAccessor, counts: 0, alias_identifiers: [] }
    found.alias_identifiers.push(name)
    found.counts += 1
    mounts.set(mountAccessor, found)
  }
  const accessors = [...mounts.values()]
  const total = accessors.reduce((sum, { counts }) => sum + counts, 0)
  return { by_namespace: [{ namespace_id: 'root', namespace_path: '', counts: total, mount_accessors: accessors }], total }
}

const locked = [
  systemPath('locked-users').read({
    summary: 'Users who are locked out after failed logins.',
    access: 'sudo',
    input: { mount_accessor: defaulted(text('Only those of this mount.'), '') },
    handle: ({ core, input }) => lockedUsers(core, input.mount_accessor),
  }),
  systemPath('locked-users/{mount_accessor}/unlock/{alias_identifier}', { mount_accessor: text('Accessor of the auth mount.'), alias_identifier: text('Name of the user.') }).write({
    summary: 'Let a user log in again.',
    access: 'sudo',
    async handle({ core, params }) {
      const mount = await core.mounts.byAccessor(params.mount_accessor)
      const name = params.alias_identifier
      await forgetFailures(core, params.mount_accessor, mount?.registered?.engine.foldsNames === true ? name.toLowerCase() : name)
      return null
    },
  }),
]

const versionHistory = systemPath('version-history').list({
  summary: 'The version of this server.',
  handle: ({ core }) => ({ keys: [core.settings.version], key_info: { [core.settings.version]: { build_date: core.settings.buildDate, previous_version: null, timestamp_installed: core.settings.buildDate } } }),
})

const hostInfo = systemPath('host-info').read({
  summary: 'The machine that this server runs on.',
  access: 'sudo',
  handle: ({ now }) => ({
    timestamp: formatTime(now),
    cpu: cpus().map(({ model, speed }, index) => ({ cpu: index, modelName: model, mhz: speed })),
    cpu_times: cpus().map(({ times }, index) => ({ cpu: `cpu${index}`, ...times })),
    host: { hostname: hostname(), os: platform(), kernelVersion: release(), uptime: Math.floor(uptime()), load: loadavg() },
    memory: { total: totalmem(), free: freemem(), available: freemem(), used: totalmem() - freemem() },
    disk: null,
  }),
})

const openApi = systemPath('internal/specs/openapi').read({
  summary: 'The description of the API in OpenAPI 3: what the mounts of this server offer, as far as the caller may use them.',
  access: 'public',
  input: { generic_mount_paths: defaulted(flag('Name mounts by `{mount_path}`.'), false), context: defaulted(text('Accepted and ignored.'), '') },
  async handle({ core, input }) {
    const paths: Record<string, object> = {}
    const isFew = (await namedStore(core).list('mounts/', { limit: describedMountsMax + 1 })).length <= describedMountsMax
    const places = input.generic_mount_paths || !isFew ? await typesInUse(core) : await placesInUse(core)
    for (const [prefix, registered] of places) {
      Object.assign(paths, openApiPaths(prefix, registered.routes))
      await nextTurn()
    }
    return plainJson(openApiDocument(core.settings.version, paths as Parameters<typeof openApiDocument>[1]))
  },
})

/** Where there are more mounts, each type is described once: a hundred thousand would be gigabytes, for anybody who asks. */
const describedMountsMax = 100

type Place = readonly [prefix: string, registered: Registered]

const placesInUse = async (core: Core): Promise<readonly Place[]> =>
  (await core.mounts.list()).flatMap(({ record, registered }) => (registered === null ? [] : [[record.path, registered] as const]))

/** Of the system, which has one mount of each of its types, the paths; of others a name in their place. */
async function typesInUse(core: Core): Promise<readonly Place[]> {
  const places: Place[] = []
  for (const registered of core.registry.all) {
    const { kind, type } = registered.engine
    if (kind === 'system') places.push(...(await core.mounts.ofType(kind, type)).map(({ record }) => [record.path, registered] as const))
    else if ((await namedStore(core).list(mountsOfTypeFolder(kind, type), { limit: 1 })).length > 0) places.push([genericPrefix(kind, type), registered])
  }
  return places
}

const genericPrefix = (kind: string, type: string): string => (kind === 'auth' ? `auth/{${type}_mount_path}/` : `{${type}_mount_path}/`)

const inspect = systemPath('internal/inspect/router/{tag}', { tag: text('root, uuid, accessor or storage.') }).read({
  summary: 'How mounts are found.',
  access: 'sudo',
  async handle({ core, params }) {
    if (!core.settings.introspection) throw new ApiError('unsupported_path', listItem('unsupported path'))
    if (!['root', 'uuid', 'accessor', 'storage'].includes(params.tag)) return null
    const mounts = await core.mounts.list()
    return reply({ data: { [params.tag]: mounts.map(({ record: { path, uuid, accessor } }) => ({ mount_path: path, uuid, accessor, mount_namespace: '' })) } })
  },
})

const experiments = systemPath('experiments').read({
  summary: 'Experiments: there are none.',
  handle: () => ({ available: [], enabled: [] }),
})

const replication = systemPath('replication/status').read({
  summary: 'Replication: there is none. Nodes share one store.',
  access: 'public',
  handle: () => ({ dr: { mode: 'disabled' }, performance: { mode: 'disabled' } }),
})

export const diagnosisOperations = [...counters, ...locked, versionHistory, hostInfo, openApi, also(openApi, { verb: 'write' }), inspect, experiments, replication]
