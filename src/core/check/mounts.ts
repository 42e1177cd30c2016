/** Mounts and the trees that hold their data. */
import { namedStore, opaqueStore, rootNamespace, type Base } from '../base.ts'
import { conversions, mountPlaces, mountRecords, mountsOfType, removals, treeOf, type MountRecord } from '../mounts/record.ts'
import { namesUnder, type Findings } from './findings.ts'

/** Mounts that are there, and those that are being removed. */
export interface KnownMounts {
  readonly uuids: ReadonlySet<string>
  readonly accessors: ReadonlySet<string>
  /** Tree of the cubbyholes; '' when that mount is missing. */
  readonly cubbyhole: string
}

export async function checkMounts(base: Base, findings: Findings): Promise<KnownMounts> {
  const found = await readMounts(base, findings)
  const uuids = new Set(found.map(({ uuid }) => uuid))
  const accessors = new Set(found.map(({ accessor }) => accessor))
  const paths = found.map(({ path }) => path).sort()
  // Sorted, a mount inside another one comes right after it.
  for (const [index, path] of paths.entries()) findings.expect(
    index === 0 || !path.startsWith(paths[index - 1] as string), 'mounts/', 'has a mount inside another'
  )
  findings.expect(
    uuids.size === found.length && accessors.size === found.length, 'mounts/', 'has two mounts with the same uuid or accessor'
  )
  const leaving = await checkRemovals(base, found, uuids, accessors, findings)
  await checkPlaces(base, found, findings)
  await checkTrees(base, found, leaving, findings)
  const cubbyhole = found.find(({ path }) => path === 'cubbyhole/')
  findings.expect(cubbyhole !== undefined, 'mounts/', 'has no cubbyhole')
  return { uuids, accessors, cubbyhole: cubbyhole === undefined ? '' : treeOf(cubbyhole) }
}

async function readMounts(base: Base, findings: Findings): Promise<MountRecord[]> {
  const named = namedStore(base)
  const found: MountRecord[] = []
  for await (const name of namesUnder(named, 'mounts/')) {
    const record = await mountRecords.read(named, decodeURIComponent(name))
    if (record === null) continue
    findings.expect(record.path === decodeURIComponent(name), `mount ${record.uuid}`, 'lies at the path of another')
    found.push(record)
  }
  return found
}

/** Each mount is in the indexes, and nothing else is. */
async function checkPlaces(base: Base, found: readonly MountRecord[], findings: Findings): Promise<void> {
  const named = namedStore(base)
  const wanted = new Set(found.flatMap(({ path, kind, type, accessor, uuid }) => [`${path} ${accessor}`, `${path} ${uuid}`, `${path} ${kind} ${type} ${uuid}`]))
  for await (const id of namesUnder(named, 'mount-ids/')) {
    const path = (await mountPlaces.read(named, decodeURIComponent(id)))?.path
    findings.expect(wanted.delete(`${path} ${decodeURIComponent(id)}`), `mount-ids/${id}`, 'says where a mount is that is not there')
  }
  for await (const folder of namesUnder(named, 'mount-types/')) {
    const [kind = '', type = ''] = folder.slice(0, -1).split('.').map(decodeURIComponent)
    for await (const uuid of namesUnder(named, `mount-types/${folder}`)) {
      const path = (await mountsOfType.read(named, kind, type, uuid))?.path
      findings.expect(wanted.delete(`${path} ${kind} ${type} ${uuid}`), `mount-types/${folder}${uuid}`, 'says where a mount is that is not there')
    }
  }
  findings.expect(wanted.size === 0, 'mounts/', 'has a mount that is in no index')
}

/** Adds the mounts that are being removed to those that are there, and returns them. */
async function checkRemovals(
  base: Base, found: readonly MountRecord[], uuids: Set<string>, accessors: Set<string>, findings: Findings
): Promise<MountRecord[]> {
  const named = namedStore(base)
  const leaving = new Map<string, MountRecord>()
  for await (const uuid of namesUnder(named, 'removals/')) {
    const record = await removals.read(named, uuid)
    if (record === null) continue
    leaving.set(uuid, record)
    uuids.add(uuid)
    accessors.add(record.accessor)
  }
  for (const { uuid, tainted } of found) findings.expect(
    (tainted === true) === leaving.has(uuid), `mount ${uuid}`, 'is being removed, or not: the mount and the note differ'
  )
  for await (const uuid of namesUnder(named, 'conversions/')) {
    if ((await conversions.read(named, uuid)) !== null) findings.expect(uuids.has(uuid), `conversion ${uuid}`, 'is of a mount that is gone')
  }
  return [...leaving.values()]
}

/** Every tree belongs to a namespace or a mount, and is sound, unless it is just being removed piece by piece. */
async function checkTrees(base: Base, found: readonly MountRecord[], leaving: readonly MountRecord[], findings: Findings): Promise<void> {
  const [gone, all] = [new Set(leaving.map(treeOf)), new Set([...found, ...leaving].map(treeOf))]
  for await (const folder of namesUnder(opaqueStore(base), 't/')) {
    const tree = folder.slice(0, -1)
    findings.expect(tree === `ns-${rootNamespace}` || all.has(tree), `t/${folder}`, 'is a tree without a mount')
    if (gone.has(tree)) continue
    for (const { key, problem } of await base.barrier.checkTree(tree)) findings.report(key, problem)
  }
}
