/**
 * Plans the writes to records: what a commit of paths means for their physical keys, for the folders that list them, and for the
 * obituaries from which a watch learns the paths of what was deleted.
 */
import type { Expectation, Merge, Write } from '../kit/store.ts'
import { keyOf } from '../storage/layered.ts'
import type { FolderContext } from './folder-tidy.ts'
import { FolderChanges, StalePlan } from './folders.ts'
import { decodeObituary, encodeObituary, encodeRecord, openRecord, valueAt } from './record.ts'
import { obituaryOf } from './tree-keys.ts'
import type { WriteHints } from './values.ts'

export interface RecordContext extends FolderContext {
  /** Whether a path is left out of all lists. */
  readonly isHidden: (path: string) => boolean
  /** Obituaries that are older than so many commits may go. */
  readonly obituaryCommits: number
}

type RecordWrite = Write & WriteHints

/** The plan of one commit, as far as records go. */
export class RecordPlan {
  readonly expectations: Expectation[] = []
  readonly writes: RecordWrite[] = []
  readonly changes = new FolderChanges()
  readonly #context: RecordContext
  readonly #versions: ReadonlyMap<string, number>
  readonly #deleted: string[] = []

  constructor(context: RecordContext, expectations: readonly Expectation[]) {
    this.#context = context
    this.#versions = new Map(expectations.map(({ key, version }) => [key, version]))
    this.expectations = expectations.map(({ key, version }) => ({ key: context.keys.record(key), version }))
  }

  async add(write: Write): Promise<void> {
    const path = keyOf(write)
    const key = this.#context.keys.record(path)
    if ('put' in write) await this.#put(path, key, encodeRecord(path, write.value))
    else if ('del' in write) await this.#delete(path, key)
    else await this.#merge(path, key, write.by)
  }

  /** Adds the obituaries of what was deleted. To be called once, at the end. */
  async finish(): Promise<void> {
    if (this.#deleted.length === 0) return
    const { values, keys } = this.#context
    const commit = await values.lastCommit()
    const obituaries = new Map(this.#deleted.map((path) => [obituaryOf(keys.record(path)), path]))
    for (const [key, path] of obituaries) this.writes.push({ put: key, value: encodeObituary(path, commit), owned: true })
    const written = new Set(obituaries.keys())
    for (const key of obituaries.keys()) await this.#expireAfter(key, commit, written)
  }

  async #put(path: string, key: string, value: Uint8Array): Promise<void> {
    const expected = this.#versions.get(path)
    const hidden = this.#context.isHidden(path)
    const present = !hidden && (expected ?? (await this.#context.values.versionOf(key))) > 0
    if (!hidden && !present) this.changes.add(path)
    // The folders are not touched for what is listed already; so it must not be deleted meanwhile.
    const guard: WriteHints = present && expected === undefined ? { present: true } : {}
    this.writes.push({ put: key, value, owned: true, ...guard })
  }

  async #delete(path: string, key: string): Promise<void> {
    const expected = this.#versions.get(path)
    if ((expected ?? (await this.#context.values.versionOf(key))) > 0) {
      this.writes.push({ del: key })
      this.#remove(path)
    } else if (expected === undefined) this.expectations.push({ key, version: 0 })
  }

  async #merge(path: string, key: string, by: Merge): Promise<void> {
    const { values, isHidden } = this.#context
    const entry = await values.get(key)
    const current = entry === null ? null : openRecord(path, key, entry).value
    const wasPresent = current !== null
    const isPresent = foresee(by, current)
    const hidden = isHidden(path)
    if (!hidden && isPresent && !wasPresent) this.changes.add(path)
    if (wasPresent && !isPresent) this.#remove(path)
    const byRecord: Merge = (sealed) => {
      const before = sealed === null ? null : valueAt(path, key, sealed)
      const after = by(before)
      // A record that comes, stays or goes otherwise than foreseen needs other writes beside it.
      const stays = wasPresent === isPresent && !hidden
      if ((after !== null) !== isPresent || (stays && (before !== null) !== wasPresent)) throw new StalePlan(key)
      return after === null ? null : encodeRecord(path, after)
    }
    this.writes.push({ merge: key, by: byRecord, owned: true })
  }

  /** What is hidden leaves no obituary: nobody watches it, and it is what is deleted most, with each write of a secret whose versions are full. */
  #remove(path: string): void {
    if (this.#context.isHidden(path)) return
    this.#deleted.push(path)
    this.changes.remove(path)
  }

  /** Obituaries near this one that nobody can ask for any more go with it: two for one, so that they never pile up. */
  async #expireAfter(key: string, commit: number, written: Set<string>): Promise<void> {
    const { values, keys, obituaryCommits } = this.#context
    const folder = `${keys.prefix}x/`
    const oldest = commit - obituaryCommits
    if (oldest <= 0) return
    for (const name of await values.list(folder, { after: key.slice(folder.length), limit: 2 })) {
      const other = folder + name
      if (written.has(other)) continue
      const version = await values.versionOf(other)
      if (version === 0 || version >= oldest) continue
      written.add(other)
      this.writes.push({ merge: other, by: (current) => (current !== null && decodeObituary(current).commit >= oldest ? current : null) })
    }
  }
}

/** Whether a merge leaves a value behind. When it fails now, the commit is left to fail with the same words. */
function foresee(by: Merge, current: Uint8Array | null): boolean {
  try {
    return by(current) !== null
  } catch {
    return current !== null
  }
}
