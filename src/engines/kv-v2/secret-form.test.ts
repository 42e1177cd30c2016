/** The record of a secret as it is written, and as earlier versions wrote it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { SecretRecord } from './secret.ts'
import { decodeValue } from './records.ts'
import { secretForm } from './secret-form.ts'

const time = fc.integer({ min: 1, max: 2 ** 45 })
const texts = fc.dictionary(fc.string(), fc.string())
const version = fc.record({
  id: fc.string(),
  slotBefore: fc.nat(20),
  state: fc.constantFrom('live' as const, 'destroyed' as const),
  labels: fc.oneof(fc.constant({}), texts),
  createdAt: time,
  deletedAt: fc.option(time),
  by: fc.option(fc.record({ accessor: fc.constantFrom('a', 'b', '"'), entity: fc.constantFrom('', 'e') })),
})
const secret = fc.record({
  id: fc.string(),
  createdAt: time,
  updatedAt: time,
  dropped: fc.nat(1_000),
  oldest: fc.nat(),
  revision: fc.nat(),
  maxVersions: fc.constantFrom(0, 3),
  casRequired: fc.boolean(),
  metadataCasRequired: fc.boolean(),
  deleteAfterSeconds: fc.constantFrom(0, 60),
  custom: fc.option(texts),
  versions: fc.array(version, { maxLength: 12 }),
}).map(({ dropped, versions, ...rest }): SecretRecord => ({
  ...rest,
  current: dropped + versions.length,
  versions: versions.map(({ slotBefore, ...one }, index) => ({ ...one, number: dropped + 1 + index, slot: dropped + 1 + index - slotBefore })),
}))
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

test('every record is read as it was written, frozen', () => {
  fc.assert(fc.property(secret, (given) => {
    const read = secretForm.decode(secretForm.encode(given))
    assert.deepEqual(plain(read), plain(given))
    assert.ok([read, read.versions, ...read.versions, ...read.versions.map(({ labels }) => labels)].every(Object.isFrozen))
  }), { seed: 271_828, numRuns: 300 })
})

test('a record of form 2 is read, each version with its number for slot', () => {
  const { versions, ...rest } = secretForm.decode(JSON.stringify({
    id: 'i', createdAt: 1, updatedAt: 2, current: 3, oldest: 2, revision: 1, maxVersions: 2, casRequired: true, metadataCasRequired: false, deleteAfterSeconds: 0, custom: { a: 'b' },
    versions: [2, 3].map((number) => ({ number, id: `v${number}`, state: 'live', labels: {}, createdAt: number, deletedAt: null, by: null })),
  }))
  assert.deepEqual([rest.custom, rest.maxVersions, versions.map(({ number, slot }) => [number, slot])], [{ a: 'b' }, 2, [[2, 2], [3, 3]]])
})

test('ten versions of one writer take a third of what they took', () => {
  const by = { accessor: 'hmac.0123456789abcdefghijklmn', entity: '01234567-89ab-cdef-0123-456789abcdef' }
  const versions = Array.from({ length: 10 }, (_, index) => ({ number: index + 1, slot: index + 1, id: '0123456789abcdef', state: 'live' as const, labels: {}, createdAt: 1_700_000_000_000 + index, deletedAt: null, by }))
  const record: SecretRecord = { id: '0123456789abcdef', createdAt: 1_700_000_000_000, updatedAt: 1_700_000_000_000, current: 10, oldest: 1, revision: 0, maxVersions: 0, casRequired: false, metadataCasRequired: false, deleteAfterSeconds: 0, custom: null, versions }
  assert.ok(secretForm.encode(record).length * 3 < JSON.stringify(record).length)
})

test('data say which version they are of; those of form 2 are of the version that their slot is named after', () => {
  const [now, before] = [decodeValue('12\n{"a":"\\n"}', 2), decodeValue('{"a":1}', 2)]
  assert.deepEqual([now.number, now.json.text, before.number, before.json.text], [12, '{"a":"\\n"}', 2, '{"a":1}'])
})
