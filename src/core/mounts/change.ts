/** Enabling, tuning, moving and disabling mounts. Each is one commit; what a disabled mount leaves behind goes in bounded steps afterwards. */
import { dropTree } from '../../barrier/names.ts'
import { badRequest } from '../../kit/errors.ts'
import type { Transaction } from '../../kit/store.ts'
import { namedStore, opaqueStore } from '../base.ts'
import type { Core } from '../core.ts'
import { bumpGeneration, bumpMounts } from '../generation.ts'
import { revokeUnder } from '../leases/revoke-under.ts'
import { forgetLeaving, markLeaving } from '../tokens/leaving.ts'
import { beginUnit, withUnit, type Unit } from '../unit.ts'
import { conversions, mountRecords, removals, removeMount, treeOf, writeMount, type MountConfig, type MountRecord } from './record.ts'
import { moveQuotas } from './quotas.ts'
import { mountDepthMax } from './table.ts'

/** Mounts that are always there, and prefixes that nobody may mount at. */
const fixed = new Set(['sys/', 'cubbyhole/', 'identity/', 'auth/token/'])
const reserved = ['sys/', 'cubbyhole/', 'identity/', 'audit/']
export const isFixed = (path: string): boolean => fixed.has(path)

export interface NewMount {
  /** With trailing '/', and with `auth/` for auth methods. */
  readonly path: string
  readonly kind: MountRecord['kind']
  readonly type: string
  readonly description: string
  readonly local: boolean
  readonly sealWrap: boolean
  readonly externalEntropy: boolean
  readonly options: Readonly<Record<string, string>> | null
  readonly config: MountConfig
}

/** The path as people see it: auth methods without `auth/`. */
export const shownPath = (path: string): string => path.replace(/^auth\//, '')

export async function enableMount(core: Core, unit: Unit, wish: NewMount): Promise<MountRecord> {
  checkPath(wish)
  const registered = core.registry.find(wish.kind, wish.type, wish.options ?? {})
  if (registered === null) throw badRequest(`plugin not found in the catalog: ${wish.type}`)
  const named = unit.on(namedStore(core))
  await checkFree(core, unit, wish.path)
  const prefix = wish.kind === 'auth' ? `auth_${wish.type}` : wish.type
  const record: MountRecord = {
    path: wish.path, kind: wish.kind, type: wish.type, description: wish.description,
    accessor: `${prefix}_${Buffer.from(core.host.random(4)).toString('hex')}`, uuid: core.host.uuid(), layout: 2,
    local: wish.local, seal_wrap: wish.sealWrap, external_entropy_access: wish.externalEntropy,
    options: registered.engine.checkOptions?.(wish.options ?? {}) ?? wish.options ?? {}, config: wish.config,
  }
  writeMount(named, record)
  await setUp(core, unit, record)
  bumpGeneration(unit.on(opaqueStore(core)))
  return record
}

/** Lets the engine write what a new mount of its needs. */
export async function setUp(core: Core, unit: Unit, record: MountRecord): Promise<void> {
  const registered = core.registry.find(record.kind, record.type, record.options ?? {})
  if (registered?.engine.setUp === undefined) return
  const mount = core.mounts.viewOf(record)
  await registered.engine.setUp({ store: unit.on(core.barrier.tree(treeOf(record))), mount, now: core.host.now(), random: core.host.random })
}

/** Throws `bad_request` where no mount can be, whatever there is. */
function checkPath({ path, kind }: Pick<NewMount, 'path' | 'kind'>): void {
  const shown = JSON.stringify(kind === 'auth' ? shownPath(path) : path)
  if (path === '/' || path === 'auth/' || path.startsWith('/')) throw badRequest(`cannot mount ${shown}`)
  if (/\s/.test(path[0] ?? '') || /\s\/$/.test(path) || path.includes('//')) throw badRequest(`cannot mount ${shown}: the path holds blanks or empty parts`)
  if (path.split('/').length - 1 > mountDepthMax) throw badRequest(`cannot mount ${shown}: more than ${mountDepthMax} parts`)
  if (kind !== 'auth' && (path.startsWith('auth/') || reserved.some((prefix) => path.startsWith(prefix)))) throw badRequest(`cannot mount ${shown}`)
}

/** No mount lies inside another: then each path belongs to one at most. */
async function checkFree(core: Core, unit: Unit, path: string): Promise<void> {
  const named = unit.on(namedStore(core))
  await claim(named, path)
  const other = (await mountAround(named, path)) ?? (await mountInside(named, path))
  if (other !== null) throw badRequest(`path is already in use at ${shownPath(other)}`)
}

/** The mount at this path, or at one that it lies in. */
async function mountAround(named: Transaction, path: string): Promise<string | null> {
  for (let slash = path.indexOf('/'); slash >= 0; slash = path.indexOf('/', slash + 1)) {
    const around = path.slice(0, slash + 1)
    if ((await mountRecords.read(named, around)) !== null) return around
  }
  return null
}

async function mountInside(named: Transaction, path: string): Promise<string | null> {
  // Encoding goes character by character, so what begins with a path still does.
  const prefix = encodeURIComponent(path)
  const [next] = await named.list('mounts/', { after: prefix, limit: 1 })
  return next?.startsWith(prefix) === true ? decodeURIComponent(next) : null
}

const mark = new Uint8Array([1])

/** Of all who make or move mounts with the same first part at the same time, one commits; the others look again. */
async function claim(named: Transaction, path: string): Promise<void> {
  const parts = path.split('/')
  const key = `mount-claims/${encodeURIComponent(parts.slice(0, path.startsWith('auth/') ? 2 : 1).join('/'))}`
  await named.get(key)
  named.merge(key, () => mark)
}

/** Replaces the record of a mount; `change` gets the current one. Throws what `change` throws. */
export async function changeMount(core: Core, unit: Unit, path: string, change: (record: MountRecord) => MountRecord): Promise<MountRecord | null> {
  const named = unit.on(namedStore(core))
  const record = await mountRecords.read(named, path)
  if (record === null) return null
  const changed = change(record)
  mountRecords.write(named, changed, path)
  bumpMounts(unit.on(opaqueStore(core)))
  return changed
}

/** Whoever disables a mount waits so long for what is removed with it: less than clients wait for an answer. */
export const removalSeconds = 30

/**
 * Disables a mount: from the first commit on it answers nothing, and tokens that it gave are refused. `'later'`: revoking its leases and removing its data
 * takes longer than anybody waits; the process that leads goes on with it, and until it is done the path is in use. Null: there was none.
 */
export async function disableMount(core: Core, path: string): Promise<'done' | 'later' | null> {
  if (isFixed(path)) throw badRequest(`cannot unmount ${JSON.stringify(path)}`)
  const gone = await withUnit(async (unit) => {
    const named = unit.on(namedStore(core))
    const record = await mountRecords.read(named, path)
    if (record === null) return null
    mountRecords.write(named, { ...record, tainted: true }, path)
    removals.write(named, record, record.uuid)
    if (record.kind === 'auth') markLeaving(unit.on(opaqueStore(core)), record.accessor)
    bumpMounts(unit.on(opaqueStore(core)))
    return record
  })
  return gone === null ? null : await finishRemoval(core, gone)
}

/** Revokes what the mount issued, then removes its data, then its record. May be run again after a crash, from any point. */
async function finishRemoval(core: Core, record: MountRecord): Promise<'done' | 'later'> {
  const isInTime = within(core, removalSeconds)
  const waiting = await revokeUnder(core, record.path, { force: true, onPiece: async () => isInTime() })
  if (!isInTime()) return 'later'
  // A secret that is being made this moment is revoked when that is over, and needs the data of its mount for it: `resumeRemovals` comes back.
  if (waiting > 0) return 'done'
  await dropTree(core.barrier.values, treeOf(record), { goesOn: isInTime })
  if (!isInTime()) return 'later'
  await withUnit(async (unit) => {
    const named = unit.on(namedStore(core))
    const current = await mountRecords.read(named, record.path)
    if (current?.uuid === record.uuid) {
      removeMount(named, current)
      await moveQuotas(core, unit, record.path, null)
    }
    removals.remove(named, record.uuid)
    if (record.kind === 'auth') forgetLeaving(unit.on(opaqueStore(core)), record.accessor)
    bumpMounts(unit.on(opaqueStore(core)))
  })
  return 'done'
}

/** Whether so little time has passed; once it has not, it stays so, whatever the clock does. */
function within(core: Core, seconds: number): () => boolean {
  const until = core.host.now() + seconds * 1000
  let isOver = false
  return () => !(isOver ||= core.host.now() >= until || core.barrier.isSealed)
}

/** Goes on with removals that a crash interrupted, or that took too long. One that fails stops no other. */
export async function resumeRemovals(core: Core): Promise<void> {
  const named = namedStore(core)
  for (const uuid of await named.list('removals/')) {
    const record = await removals.read(named, uuid)
    if (record !== null) await finishRemoval(core, record).catch((error: unknown) => logFailure(core, 'a mount could not be removed yet', record.path, error))
  }
}

const logFailure = (core: Core, what: string, path: string, error: unknown): void =>
  core.host.log('error', 'mounts', what, { path, error: error instanceof Error ? error.message : 'unknown' })

/** Converts the data of a mount to the version of its engine, in bounded commits, and then forgets that it had to. May be run again after a crash. */
export async function finishConversion(core: Core, uuid: string): Promise<void> {
  const named = namedStore(core)
  const work = await conversions.read(named, uuid)
  const mount = work === null ? null : await core.mounts.at(work.path)
  if (work !== null && mount !== null && mount.record.uuid === uuid) {
    await mount.registered?.engine.convert?.({ store: mount.store, mount: mount.view, from: work.from, now: core.host.now(), random: core.host.random })
  }
  await withUnit(async (unit) => conversions.remove(unit.on(named), uuid))
}

export async function resumeConversions(core: Core): Promise<void> {
  for (const uuid of await namedStore(core).list('conversions/')) await finishConversion(core, uuid).catch((error: unknown) => logFailure(core, 'a mount could not be converted yet', uuid, error))
}

/** Moves a mount, as part of a unit: its data stay where they are. Its leases go before, one by one, as their ids name the old path. */
export async function moveMount(core: Core, unit: Unit, from: string, to: string): Promise<void> {
  checkPath({ path: to, kind: to.startsWith('auth/') ? 'auth' : 'secret' })
  // A move that is refused must not have cost any lease.
  if ((await core.mounts.at(from)) !== null) await checkFree(core, beginUnit(), to)
  await revokeUnder(core, from)
  const named = unit.on(namedStore(core))
  const record = await mountRecords.read(named, from)
  if (record === null || record.tainted === true) throw badRequest(`no matching mount at ${JSON.stringify(from)}`)
  await checkFree(core, unit, to)
  mountRecords.remove(named, from)
  writeMount(named, { ...record, path: to })
  await moveQuotas(core, unit, from, to)
  bumpMounts(unit.on(opaqueStore(core)))
}
