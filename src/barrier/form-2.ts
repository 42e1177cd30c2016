/**
 * From form 1 to form 2: indexes that say where a mount is, and which leases could not be revoked, so that nobody has to look through all of them; and folders whose
 * pages may be a tree, which an older program could not read. Pages that are there already become one when they are split the next time.
 */
import { parseJson } from '../kit/json.ts'
import type { Entry, Store, Write } from '../kit/store.ts'
import type { Migration } from './migration.ts'

const pieceMax = 500
const encoder = new TextEncoder()
const decoder = new TextDecoder()

const parsed = (entry: Entry): Readonly<Record<string, unknown>> => parseJson(decoder.decode(entry.value), { depth: Infinity, strings: Infinity }) as Readonly<Record<string, unknown>>

/** Names in a folder, in pieces. */
async function* piecesOf(store: Store, folder: string): AsyncIterable<readonly string[]> {
  for (let after = ''; ; ) {
    const names = await store.list(folder, { after, limit: pieceMax })
    if (names.length > 0) yield names
    if (names.length < pieceMax) return
    after = names.at(-1) as string
  }
}

async function indexMounts(named: Store): Promise<void> {
  for await (const names of piecesOf(named, 'mounts/')) {
    const writes: Write[] = []
    for (const name of names) {
      const entry = await named.get(`mounts/${name}`)
      if (entry !== null) writes.push(...placesOf(parsed(entry)))
    }
    await named.commit([], writes)
  }
}

function placesOf({ path, kind, type, accessor, uuid }: Readonly<Record<string, unknown>>): Write[] {
  const value = encoder.encode(JSON.stringify({ path }))
  const keys = [accessor, uuid].map((id) => `mount-ids/${encodeURIComponent(String(id))}`)
  return [...keys, `mount-types/${String(kind)}.${encodeURIComponent(String(type))}/${String(uuid)}`].map((put) => ({ put, value }))
}

async function indexIrrevocable(values: Store): Promise<void> {
  for await (const folders of piecesOf(values, 'lease/')) {
    for (const folder of folders) {
      for await (const suffixes of piecesOf(values, `lease/${folder}`)) await noteIrrevocable(values, folder, suffixes)
    }
  }
}

async function noteIrrevocable(values: Store, folder: string, suffixes: readonly string[]): Promise<void> {
  const writes: Write[] = []
  for (const suffix of suffixes) {
    const entry = await values.get(`lease/${folder}${suffix}`)
    const secret = entry === null ? null : (parsed(entry)['secret'] as { readonly irrevocable?: unknown } | null)
    if (secret?.irrevocable === true) writes.push({ put: `irrevocable/${folder.slice(0, -1)}.${suffix}`, value: new Uint8Array(0) })
  }
  if (writes.length > 0) await values.commit([], writes)
}

export const toForm2: Migration = {
  summary: 'index mounts by accessor, uuid and type, and leases that could not be revoked',
  async run(data) {
    await indexMounts(data.tree('ns-root'))
    await indexIrrevocable(data.values)
  },
}
