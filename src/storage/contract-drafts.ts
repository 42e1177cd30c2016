/** The part of the storage contract about drafts: whether a store joins commits or not, they end in what one after the other would have. */
import assert from 'node:assert/strict'
import { badRequest, Conflict } from '../kit/errors.ts'
import type { Expectation, Store, Write } from '../kit/store.ts'
import { bytes, readText, type Requirement, textOf } from './contract-parts.ts'
import { formedMerge } from './draft.ts'
import { seededRandom } from './seeded.ts'

const textForm = { read: (value: Uint8Array): string => textOf(value) ?? '', write: bytes }

/** A merge that gives `change` of the text; null deletes. */
const draftWrite = (key: string, change: (text: string) => string | null): Write => formedMerge<string>(key, textForm, (text) => change(text ?? ''))

const append = (key: string, text: string): Write => draftWrite(key, (before) => before + text)

/** What one commit of a crowd does to a text, and how. */
interface Deed {
  readonly write: Write
  readonly apply: (text: string | null) => string | null
}

function deedOf(key: string, dice: number, mark: string): Deed {
  if (dice < 0.6) return { write: append(key, mark), apply: (text) => (text ?? '') + mark }
  if (dice < 0.75) return { write: { merge: key, by: (current) => bytes((textOf(current ?? undefined) ?? '') + mark) }, apply: (text) => (text ?? '') + mark }
  if (dice < 0.85) return { write: { put: key, value: bytes(mark) }, apply: () => mark }
  if (dice < 0.92) return { write: draftWrite(key, () => null), apply: () => null }
  return { write: { del: key }, apply: () => null }
}

/** Starts many commits at once, some of which fail, and compares what they left with the same done in the order of their numbers. */
async function crowd(store: Store, seed: number): Promise<void> {
  const random = seededRandom(seed)
  const keys = ['draft/a', 'draft/b']
  const done: { readonly number: number; readonly key: string; readonly deed: Deed; readonly expected: Expectation | undefined }[] = []
  const versions = await Promise.all(keys.map(async (key) => (await store.get(key))?.version ?? 0))
  await Promise.all(Array.from({ length: 40 }, async (_, i) => {
    const at = Math.floor(random() * keys.length)
    const key = keys[at] as string
    const deed = deedOf(key, random(), `${i},`)
    const expected = random() < 0.2 ? { key, version: versions[at] ?? 0 } : undefined
    const refuses = random() < 0.1 ? [draftWrite('draft/c', () => { throw badRequest('not today') })] : []
    const number = await store.commit(expected === undefined ? [] : [expected], [deed.write, ...refuses]).catch((error: unknown) => {
      assert.ok(refuses.length > 0 || (expected !== undefined && error instanceof Conflict), String(error))
      return 0
    })
    if (number > 0) done.push({ number, key, deed, expected })
  }))
  const model = new Map<string, { text: string | null; version: number }>(keys.map((key, at) => [key, { text: null, version: versions[at] ?? 0 }]))
  for (const { number, key, deed, expected } of done.toSorted((a, b) => a.number - b.number)) {
    const before = model.get(key)
    assert.ok(before !== undefined && (expected === undefined || expected.version === before.version), `commit ${number}`)
    model.set(key, { text: deed.apply(before.text), version: deed.apply(before.text) === null ? 0 : number })
  }
  for (const [key, { text, version }] of model) {
    const entry = await store.get(key)
    assert.deepEqual([textOf(entry?.value) ?? null, entry?.version ?? 0], [text, version])
  }
}

export function draftContract(requirement: Requirement): void {
  requirement('commits at once with drafts, merges, values and deletions of a key end in what one after the other does', async (store) => {
    for (let seed = 1; seed <= 12; seed++) {
      await store.commit([], [{ del: 'draft/a' }, { del: 'draft/b' }])
      await crowd(store, seed)
    }
  })

  requirement('a commit whose draft refuses changes nothing, and those beside it go on from what was there', async (store) => {
    const refusing = [append('draft/x', 'never'), draftWrite('draft/y', () => { throw badRequest('not today') })]
    const all = await Promise.allSettled([store.commit([], [append('draft/x', '1')]), store.commit([], refusing), store.commit([], [append('draft/x', '2')])])
    assert.deepEqual(all.map(({ status }) => status), ['fulfilled', 'rejected', 'fulfilled'])
    assert.match((await readText(store, 'draft/x')) ?? '', /^(12|21)$/)
    assert.equal(await readText(store, 'draft/y'), undefined)
  })

  requirement('a draft may come from nothing, and may leave nothing', async (store) => {
    await store.commit([], [append('draft/n', 'a')])
    assert.equal(await readText(store, 'draft/n'), 'a')
    await store.commit([], [draftWrite('draft/n', () => null)])
    assert.equal(await store.get('draft/n'), null)
  })
}
