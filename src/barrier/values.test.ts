import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ApiError, Conflict } from '../kit/errors.ts'
import type { Store } from '../kit/store.ts'
import { memoryStore } from '../storage/memory.ts'
import { openTestKeyring } from './testing.ts'
import { createKeyringContent, type KeyringContent, withNewTerm } from './keyring-record.ts'
import { Keyring } from './keyring.ts'
import { sealedValues } from './values.ts'

const bytes = (text: string): Buffer => Buffer.from(text)

async function sealedAt(base: Store, key: string): Promise<Buffer> {
  const entry = await base.get(key)
  assert.ok(entry)
  return Buffer.from(entry.value)
}

const isTampered = (key: string) => (error: unknown): boolean =>
  error instanceof ApiError && error.code === 'internal' && error.message === 'internal error' && (error.detail ?? '').includes(`"${key}"`)

test('P5: a value with any bit changed, truncated or extended is never served, and the error names only its key', async () => {
  const base = memoryStore()
  const keyring = openTestKeyring()
  const values = sealedValues(base, keyring)
  await values.commit([], [{ put: 'a/key', value: bytes('s3cret') }])
  const sealed = await sealedAt(base, 'a/key')
  const variants: Buffer[] = Array.from({ length: sealed.length * 8 }, (_, bit) => {
    const changed = Buffer.from(sealed)
    changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7))
    return changed
  })
  for (let length = 0; length < sealed.length; length += 1) variants.push(sealed.subarray(0, length))
  variants.push(Buffer.concat([sealed, bytes('x')]))
  for (const variant of variants) {
    await base.commit([], [{ put: 'a/key', value: variant }])
    const reader = sealedValues(base, keyring)
    await assert.rejects(reader.get('a/key'), isTampered('a/key'))
    const merge = { merge: 'a/key', by: () => assert.fail('a merge saw tampered data') }
    await assert.rejects(reader.commit([], [merge]), (error) => error instanceof Conflict || isTampered('a/key')(error))
  }
})

test('P5: a value that was moved to another key, or taken from another store, is never served', async () => {
  const base = memoryStore()
  const keyring = openTestKeyring()
  const values = sealedValues(base, keyring)
  await values.commit([], [{ put: 'a', value: bytes('of a') }, { put: 'b', value: bytes('of b') }])
  await values.get('a')
  await values.get('b')
  const [sealedA, sealedB] = [await sealedAt(base, 'a'), await sealedAt(base, 'b')]
  await base.commit([], [{ put: 'a', value: sealedB }, { put: 'b', value: sealedA }])
  for (const reader of [values, sealedValues(base, keyring)]) {
    for (const key of ['a', 'b']) await assert.rejects(reader.get(key), isTampered(key))
  }
  await base.commit([], [{ put: 'a', value: sealedA }])
  await assert.rejects(sealedValues(base, openTestKeyring()).get('a'), isTampered('a'))
})

test('P6: no value can be read in the store', async () => {
  const base = memoryStore()
  await sealedValues(base, openTestKeyring()).commit([], [{ put: 'k', value: bytes('find-me-if-you-can') }])
  assert.ok(!(await sealedAt(base, 'k')).includes('find-me'))
})

test('reading the same version again gives the same entry, and a new version a new one', async () => {
  const base = memoryStore()
  const keyring = openTestKeyring()
  const [values, other] = [sealedValues(base, keyring), sealedValues(base, keyring)]
  await values.commit([], [{ put: 'k', value: bytes('1') }])
  const first = await values.get('k')
  assert.equal(await values.get('k'), first)
  await other.commit([], [{ put: 'k', value: bytes('2') }])
  const second = await values.get('k')
  assert.equal(second?.value.toString(), '2')
  assert.equal(await values.get('k'), second)
})

test('who writes an array and changes it afterwards does not change what is stored', async () => {
  const values = sealedValues(memoryStore(), openTestKeyring())
  const value = bytes('before')
  await values.commit([], [{ put: 'k', value }])
  value.fill(0)
  assert.equal((await values.get('k'))?.value.toString(), 'before')
})

test('a failed commit leaves nothing behind in the cache', async () => {
  const values = sealedValues(memoryStore(), openTestKeyring())
  await values.commit([], [{ put: 'k', value: bytes('true') }])
  await assert.rejects(values.commit([{ key: 'k', version: 99 }], [{ put: 'k', value: bytes('false') }]), Conflict)
  assert.equal((await values.get('k'))?.value.toString(), 'true')
})

test('a small cache serves what is true, however much passes through it', async () => {
  const values = sealedValues(memoryStore(), openTestKeyring(), { cacheBytes: 4_096 })
  for (let round = 0; round < 3; round += 1) {
    for (let index = 0; index < 50; index += 1) {
      await values.commit([], [{ put: `k${index}`, value: bytes(`${round}-${index}`.padEnd(100)) }])
    }
    for (let index = 0; index < 50; index += 1) assert.equal((await values.get(`k${index}`))?.value.toString().trim(), `${round}-${index}`)
  }
})

test('closed, everything is refused as sealed, also what was read before', async () => {
  const keyring = openTestKeyring()
  const values = sealedValues(memoryStore(), keyring)
  await values.commit([], [{ put: 'k', value: bytes('1') }])
  await values.get('k')
  keyring.close()
  const sealed = { code: 'sealed' }
  await assert.rejects(values.get('k'), sealed)
  assert.throws(() => values.getNow?.('k'), sealed)
  await assert.rejects(values.versionOf('k'), sealed)
  await assert.rejects(values.list(''), sealed)
  await assert.rejects(values.commit([], [{ put: 'k', value: bytes('2') }]), sealed)
  await assert.rejects(values.commit([], []), sealed)
  await assert.rejects(values.lastCommit(), sealed)
  assert.throws(() => values.watch('', 0, AbortSignal.abort()), sealed)
})

test('a merge that was lowered before the barrier was sealed does nothing afterwards', async () => {
  const keyring = openTestKeyring()
  const base = memoryStore()
  const values = sealedValues(base, keyring)
  const batch = await values.lower([], [{ merge: 'k', by: () => bytes('late') }])
  keyring.close()
  await assert.rejects(base.commit(batch.expectations, batch.writes), { code: 'sealed' })
})

test('values of older terms stay readable, new ones use the newest', async () => {
  const base = memoryStore()
  const keyring = openTestKeyring()
  const values = sealedValues(base, keyring)
  await values.commit([], [{ put: 'old', value: bytes('1') }])
  keyring.load(withNewTerm(keyring.content, 0), 2, Number.POSITIVE_INFINITY)
  await values.commit([], [{ put: 'new', value: bytes('2') }])
  assert.equal((await sealedAt(base, 'old')).readUInt32BE(1), 1)
  assert.equal((await sealedAt(base, 'new')).readUInt32BE(1), 2)
  values.forget()
  assert.equal((await values.get('old'))?.value.toString(), '1')
  assert.equal((await values.get('new'))?.value.toString(), '2')
})

test('a value of a term that another process has added is read after looking at the keyring again, by get and by merge', async () => {
  const base = memoryStore()
  const contents: KeyringContent[] = [createKeyringContent(0)]
  const openWorkerAt = (version: number) => {
    const loadAt = (at: number): void => keyring.load(contents[at - 1] as KeyringContent, at, Number.POSITIVE_INFINITY)
    const keyring = new Keyring({ reload: async () => loadAt(contents.length), reserve: async () => {}, fence: async () => ({ key: 'barrier/store', version: 0 }), follow: async () => false })
    loadAt(version)
    return { keyring, values: sealedValues(base, keyring) }
  }
  const [one, two, three] = [openWorkerAt(1), openWorkerAt(1), openWorkerAt(1)]
  contents.push(withNewTerm(one.keyring.content, 0))
  await one.keyring.reload()
  await one.values.commit([], [{ put: 'k', value: bytes('1') }])
  assert.equal((await two.values.get('k'))?.value.toString(), '1')
  const add = (current: Uint8Array | null): Uint8Array => bytes(`${current}+`)
  await three.values.commit([], [{ merge: 'k', by: add }])
  assert.equal((await one.values.get('k'))?.value.toString(), '1+')
  // A merge cannot wait for the keyring: whoever lowered it himself meets a conflict, and succeeds with the next try.
  const four = openWorkerAt(1)
  const lowered = () => four.values.lower([], [{ merge: 'k', by: add }])
  const first = await lowered()
  await assert.rejects(base.commit(first.expectations, first.writes), Conflict)
  const second = await lowered()
  await base.commit(second.expectations, second.writes)
  assert.equal((await one.values.get('k'))?.value.toString(), '1++')
})
