/** What was added since the last time, whichever processes come, go or are late. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Increases } from './increases.ts'
import type { Figure } from './lines.ts'

const total = (name: string, value: number, kind = 'x'): Figure => ({ kind: 'counter', name, labels: [['kind', kind]], value })
const added = (increases: Increases, processes: Readonly<Record<string, readonly Figure[] | null>>): Record<string, number> =>
  Object.fromEntries(increases.take(new Map(Object.entries(processes))).map(({ name, labels, value }) => [`${name} ${labels[0]?.[1] ?? ''}`, value]))

test('increases of all processes are added up, by name and labels; what did not grow is not there', () => {
  const increases = new Increases()
  assert.deepEqual(added(increases, { a: [total('n', 3), total('n', 1, 'y')], b: [total('n', 4)] }), { 'n x': 7, 'n y': 1 })
  assert.deepEqual(added(increases, { a: [total('n', 5), total('n', 1, 'y')], b: [total('n', 4), total('m', 1)] }), { 'n x': 2, 'm x': 1 })
  assert.deepEqual(added(increases, { a: [total('n', 5), total('n', 1, 'y')], b: [total('n', 4), total('m', 1)] }), {})
})

test('a process that takes the place of another one takes nothing away, and one that is late loses nothing', () => {
  const increases = new Increases()
  assert.deepEqual(added(increases, { a: [total('n', 100)], b: [total('n', 10)] }), { 'n x': 110 })
  assert.deepEqual(added(increases, { b: null, c: [total('n', 1)] }), { 'n x': 1 }, 'the hundred of the one that ended are not counted back')
  assert.deepEqual(added(increases, { b: [total('n', 12)], c: [total('n', 1)] }), { 'n x': 2 }, 'late, and not anew')
})
