/** Finds the mount that serves a path. Mounts are looked up one by one and kept while the generation stays the same: ten thousand cost nothing at start. */
import type { MountView } from '../../kit/operation.ts'
import type { LayeredStore } from '../../storage/layered.ts'
import { namedStore, rootNamespace, type Base } from '../base.ts'
import { currentGeneration } from '../generation.ts'
import type { Registered } from '../registry.ts'
import { eachInTurns } from '../turns.ts'
import { mountPlaces, mountRecords, mountsOfType, mountsOfTypeFolder, removals, treeOf, type MountRecord } from './record.ts'

export interface Mount {
  readonly record: MountRecord
  readonly view: MountView
  /** Null when this server does not know the type: the mount stays, and says so. */
  readonly registered: Registered | null
  readonly store: LayeredStore
}

export interface MountTable {
  /** The mount that `path` (canonical, without leading slash) lies in, or null. */
  readonly find: (path: string) => Promise<Mount | null>
  /** A promise where it has to be read. */
  readonly at: (mountPath: string) => Mount | null | Promise<Mount | null>
  /** Sorted by path. Of very many, in pieces between which others have their turn. */
  readonly list: (kind?: MountRecord['kind']) => Promise<Mount[]>
  readonly byAccessor: (accessor: string) => Promise<Mount | null>
  /** Also of a mount that was moved; null for one that is being disabled, as for `at`. */
  readonly byUuid: (uuid: string) => Promise<Mount | null>
  /** Those of one type, without looking at the others. */
  readonly ofType: (kind: MountRecord['kind'], type: string) => Promise<Mount[]>
  /** Whether there is one, without looking at more than that. */
  readonly hasType: (kind: MountRecord['kind'], type: string) => Promise<boolean>
  /** A mount that is being disabled: it serves nobody, but must still revoke what it issued. */
  readonly leaving: (uuid: string) => Promise<Mount | null>
  /** Drops what is kept. */
  readonly forget: () => void
  /** What an engine sees of a mount with this record. */
  readonly viewOf: (record: MountRecord) => MountView
}

const cacheMax = 20_000
/** Deeper mounts than this cannot be made. */
export const mountDepthMax = 16

export function mountTable(base: Base): MountTable {
  let generation = -1
  let known = new Map<string, Mount | null>()
  const knownAt = (now: number): Map<string, Mount | null> => {
    if (now !== generation || known.size > cacheMax) [generation, known] = [now, new Map()]
    return known
  }
  const at = (mountPath: string): Mount | null | Promise<Mount | null> => {
    const now = currentGeneration(base)
    const cached = typeof now === 'number' ? knownAt(now).get(mountPath) : undefined
    return cached === undefined ? readAt(mountPath, now) : cached
  }
  const readAt = async (mountPath: string, now: number | Promise<number>): Promise<Mount | null> => {
    // What is read from here on is of this generation, whatever comes meanwhile.
    const into = knownAt(await now)
    const cached = into.get(mountPath)
    if (cached !== undefined) return cached
    const mount = await readMount(base, mountPath)
    into.set(mountPath, mount)
    return mount
  }
  return {
    at,
    list: (kind) => listMounts(base, at, kind),
    find: (path) => findMount(at, path),
    viewOf: (record) => viewOf(base, record),
    forget: () => void ([generation, known] = [-1, new Map()]),
    async leaving(uuid) {
      const record = await removals.read(namedStore(base), uuid)
      return record === null ? null : mountOf(base, record)
    },
    byAccessor: async (accessor) => mountThat(await atPlaceOf(base, at, accessor), ({ record }) => record.accessor === accessor),
    byUuid: async (uuid) => mountThat(await atPlaceOf(base, at, uuid), ({ record }) => record.uuid === uuid),
    hasType: async (kind, type) => (await namedStore(base).list(mountsOfTypeFolder(kind, type), { limit: 1 })).length > 0,
    async ofType(kind, type) {
      const named = namedStore(base)
      const mounts: Mount[] = []
      for (const uuid of await named.list(mountsOfTypeFolder(kind, type))) {
        const place = await mountsOfType.read(named, kind, type, uuid)
        const mount = place === null ? null : await at(place.path)
        if (mount?.record.uuid === uuid) mounts.push(mount)
      }
      return mounts
    },
  }
}

/** Longer than any accessor or uuid: whoever asks for one may send anything. */
const idMax = 256

async function atPlaceOf(base: Base, at: MountTable['at'], id: string): Promise<Mount | null> {
  const place = id === '' || id.length > idMax ? null : await mountPlaces.read(namedStore(base), id)
  return place === null ? null : await at(place.path)
}

/** The index is read apart from the mount, which may have changed in between. */
const mountThat = (mount: Mount | null, isIt: (mount: Mount) => boolean): Mount | null => (mount !== null && isIt(mount) ? mount : null)

async function findMount(at: MountTable['at'], path: string): Promise<Mount | null> {
  let slash = path.indexOf('/')
  for (let depth = 0; slash >= 0 && depth < mountDepthMax; depth++, slash = path.indexOf('/', slash + 1)) {
    const found = at(path.slice(0, slash + 1))
    const mount = found instanceof Promise ? await found : found
    if (mount !== null) return mount
  }
  return path.endsWith('/') || path === '' ? null : await at(`${path}/`)
}

/** One that is being disabled is not there any more for anybody. */
async function readMount(base: Base, mountPath: string): Promise<Mount | null> {
  const record = await mountRecords.read(namedStore(base), mountPath)
  return record === null || record.tainted === true ? null : mountOf(base, record)
}

/** Lists of more mounts are read past what is kept: they would push out what is used. */
const keptOfList = 1_000

async function listMounts(base: Base, at: MountTable['at'], kind?: MountRecord['kind']): Promise<Mount[]> {
  const names = await namedStore(base).list('mounts/')
  const read = names.length > keptOfList ? (path: string) => readMount(base, path) : at
  const mounts: Mount[] = []
  await eachInTurns(names, async (name) => {
    const mount = await read(decodeURIComponent(name))
    if (mount !== null && (kind === undefined || (mount.record.kind === 'auth') === (kind === 'auth'))) mounts.push(mount)
  })
  return mounts.sort((a, b) => (a.record.path < b.record.path ? -1 : 1))
}

function viewOf(base: Base, { path, type, accessor, uuid, options, config }: MountRecord): MountView {
  return Object.freeze({
    path,
    type,
    accessor,
    uuid,
    namespace: rootNamespace,
    options: options ?? {},
    defaultLeaseSeconds: config.default_lease_ttl || base.settings.defaultLeaseSeconds,
    maxLeaseSeconds: config.max_lease_ttl || base.settings.maxLeaseSeconds,
  })
}

const mountOf = (base: Base, record: MountRecord): Mount =>
  Object.freeze({
    record,
    view: viewOf(base, record),
    registered: base.registry.find(record.kind, record.type, record.options ?? {}),
    store: base.barrier.tree(treeOf(record)),
  })
