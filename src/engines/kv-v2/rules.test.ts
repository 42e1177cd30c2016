/** Rules of versions. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ApiError } from '../../kit/errors.ts'
import { parseJson, type JsonObject } from '../../kit/json.ts'
import { freshMount } from './records.ts'
import type { SecretRecord, VersionRecord } from './secret.ts'
import {
  addVersion, changeVersions, checkCas, checkMaxVersions, checkMetadataCas, deleted, deletionTime, destroyed, emptySecret, findVersion,
  isReadable, parseCas, undeleted, versionsKept, versionsMax,
} from './rules.ts'

const now = 1_000_000
const empty = emptySecret('id', now)
const made = (at: number) => ({ id: `v${at}`, createdAt: at, deletedAt: null, by: null })
const withVersions = (count: number, kept: number): SecretRecord => {
  let secret = empty
  for (let i = 0; i < count; i++) secret = addVersion(secret, kept, made(i)).secret
  return secret
}
const refuses = (work: () => unknown, words: RegExp): void =>
  assert.throws(work, (error) => error instanceof ApiError && error.status === 400 && words.test(error.message))

test('the larger of the two settings says how many versions are kept; 10 without any; never more than the limit', () => {
  const cases = [[0, 0, 10], [5, 0, 5], [0, 3, 3], [5, 3, 5], [3, 5, 5], [1, 0, 1], [0, 4_294_967_295, versionsMax]] as const
  for (const [mount, secret, kept] of cases) {
    assert.equal(versionsKept({ ...freshMount, maxVersions: mount }, { ...empty, maxVersions: secret }), kept)
  }
})

test('the oldest versions are dropped, and `oldest` moves when the limit is reached, as in Vault', () => {
  const numbers = (secret: SecretRecord): number[] => secret.versions.map((v) => v.number)
  assert.deepEqual([withVersions(9, 10).oldest, withVersions(10, 10).oldest, withVersions(11, 10).oldest], [0, 1, 2])
  assert.deepEqual(numbers(withVersions(6, 4)), [3, 4, 5, 6])
  assert.deepEqual(numbers(withVersions(3, 1)), [3])
  const { secret, dropped } = addVersion(withVersions(8, 10), 3, made(9))
  assert.deepEqual([secret.oldest, numbers(secret), dropped.map((v) => v.number)], [7, [7, 8, 9], [2, 3, 4, 5, 6]])
})

test('a new version takes the slot of one that is dropped, and no two have the same, whatever is kept meanwhile', () => {
  const slots = (secret: SecretRecord): number[] => secret.versions.map((v) => v.slot)
  assert.deepEqual(slots(withVersions(7, 3)), [2, 3, 1])
  let secret = withVersions(7, 3)
  for (const [kept, at] of [[5, 8], [5, 9], [2, 10], [4, 11], [4, 12], [4, 13], [1, 14], [3, 15]] as const) {
    secret = addVersion(secret, kept, made(at)).secret
    assert.equal(new Set(slots(secret)).size, secret.versions.length)
    for (const { slot, number } of secret.versions) assert.ok(slot <= number)
  }
})

test('a higher limit does not bring dropped versions back, and keeps more from then on', () => {
  let secret = withVersions(5, 2)
  for (let i = 0; i < 3; i++) secret = addVersion(secret, 4, made(i)).secret
  assert.deepEqual([secret.oldest, secret.versions.map((v) => v.number)], [5, [5, 6, 7, 8]])
})

test('a destroyed version has no data left to drop', () => {
  const secret = changeVersions(withVersions(3, 10), [1], destroyed)
  const { dropped, version } = addVersion(secret, 1, made(4))
  assert.deepEqual([dropped.map((v) => v.number), version.slot], [[3], 2])
})

test('a version is found by its number; numbers below 1 mean the current one', () => {
  const secret = withVersions(6, 4)
  assert.deepEqual([0, -1, 3, 6].map((n) => findVersion(secret, n)?.number), [6, 6, 3, 6])
  assert.deepEqual([2, 7, 4_294_967_296].map((n) => findVersion(secret, n)), [null, null, null])
  assert.equal(findVersion(empty, 0), null)
})

test('versions live as long as the shorter setting says; a negative setting of the mount keeps all', () => {
  const time = (mount: number, secret: number): number | null =>
    deletionTime({ ...freshMount, deleteAfterSeconds: mount }, { ...empty, deleteAfterSeconds: secret }, now)
  assert.deepEqual([time(0, 0), time(-1, 0), time(-1, 30)], [null, null, null])
  assert.deepEqual([time(60, 0), time(0, 60)], [now + 60_000, now + 60_000])
  assert.deepEqual([time(60, 30), time(30, 60)], [now + 30_000, now + 30_000])
})

test('a version is deleted from the very millisecond of its deletion on', () => {
  const [version] = withVersions(1, 10).versions as [VersionRecord]
  const gone = deleted(version, now)
  assert.deepEqual([now - 1, now, now + 1].map((at) => isReadable(gone, at)), [true, false, false])
  assert.equal(deleted(gone, now + 5), gone, 'a second deletion keeps the time of the first')
  assert.equal(deleted({ ...version, deletedAt: now + 10 }, now).deletedAt, now, 'a deletion that was to come happens now')
})

test('a destroyed version is neither deleted nor restored any more', () => {
  const [version] = withVersions(1, 10).versions as [VersionRecord]
  const gone = destroyed(version)
  assert.deepEqual([isReadable(gone, now), deleted(gone, now), undeleted(gone, null), destroyed(gone)], [false, gone, gone, gone])
})

test('a change that changes nothing gives the same record back', () => {
  const secret = withVersions(3, 10)
  assert.equal(changeVersions(secret, [55, 0, -1], destroyed), secret)
  assert.equal(changeVersions(secret, [1], (version) => undeleted(version, null)), secret)
  assert.deepEqual(changeVersions(secret, [1, 1, 3], destroyed).versions.map((v) => v.state), ['destroyed', 'live', 'destroyed'])
})

test('check-and-set takes whole numbers, also as text', () => {
  const cas = (json: string): number | null => parseCas(parseJson(json) as JsonObject)
  assert.deepEqual(['{}', '{"CAS":2}'].map(cas), [null, null])
  const values = ['2', '"2"', '-1', 'null', '""', 'true'].map((value) => cas(`{"cas":${value}}`))
  assert.deepEqual(values, [2, 2, -1, 0, 0, 1])
  for (const bad of ['"x"', '1.5', '1.0', '"1.0"', '[]', '[1]', '{}', '" 1"', '"0x1"', '1e400']) {
    refuses(() => cas(`{"cas":${bad}}`), /"cas" must be a whole number/)
  }
})

test('check-and-set compares with the current version, and may be demanded by mount or secret', () => {
  const secret = withVersions(2, 10)
  assert.doesNotThrow(() => checkCas({ cas: 2 }, freshMount, secret))
  assert.doesNotThrow(() => checkCas({}, freshMount, secret))
  assert.doesNotThrow(() => checkCas({ cas: 0 }, { ...freshMount, casRequired: true }, empty))
  const mismatch = /^check-and-set parameter did not match the current version$/
  for (const cas of [0, 1, 3, -1]) refuses(() => checkCas({ cas }, freshMount, secret), mismatch)
  refuses(() => checkCas({}, { ...freshMount, casRequired: true }, secret), /^check-and-set parameter required for this call$/)
  refuses(() => checkCas({}, freshMount, { ...secret, casRequired: true }), /^check-and-set parameter required for this call$/)
})

test('check-and-set of the settings compares with their revision', () => {
  const secret = { ...empty, revision: 3 }
  assert.doesNotThrow(() => checkMetadataCas(undefined, freshMount, null))
  assert.doesNotThrow(() => checkMetadataCas(0, freshMount, null))
  assert.doesNotThrow(() => checkMetadataCas(3, { ...freshMount, metadataCasRequired: true }, secret))
  refuses(() => checkMetadataCas(1, freshMount, null), /must be 0/)
  refuses(() => checkMetadataCas(2, freshMount, secret), /does not match/)
  refuses(() => checkMetadataCas(undefined, { ...freshMount, metadataCasRequired: true }, null), /required/)
  refuses(() => checkMetadataCas(undefined, freshMount, { ...secret, metadataCasRequired: true }), /required/)
})

test('a negative number of versions is refused, one above the limit is named', () => {
  refuses(() => checkMaxVersions(-1), /max_versions must not be negative/)
  assert.equal(checkMaxVersions(versionsMax), null)
  assert.match(checkMaxVersions(versionsMax + 1) ?? '', /10001.*10000/)
})
