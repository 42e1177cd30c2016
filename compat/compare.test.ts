/** The replay itself: scenarios are read as written, masks accept what they stand for, and a difference is seen. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { compare } from './compare.ts'
import { maskValue } from './mask-answers.ts'
import { fits, fitsWhole, isListed } from './masks.ts'
import { listRecordings, readRecording } from './replay.ts'
import { fillBody, findMissing, parseScenario, valueAt, type Json, type RecordedStep } from './scenario.ts'
import { projectRoot } from './server.ts'

const step = (body: Json, extra: Partial<RecordedStep> = {}): RecordedStep => ({ title: 't', method: 'GET', path: 'x', expect: { status: 200, body }, ...extra })
const diffs = (expected: RecordedStep, body: Json, status = 200): string[] => compare(expected, { status, headers: {}, text: 'x', body }, {}).diffs

test('a scenario is parsed into its steps', () => {
  const { bare, steps } = parseScenario('# note\nneeds: uninitialised server\nignore: version\n\n== One\nPOST a/b   # why\ntoken: none\nheader: X-A: b: c\ncapture: id = data.id\nexact\n\n{ "a": 1 }\n\n')
  assert.equal(bare, true)
  const expected = { title: 'One', method: 'POST', path: 'a/b', token: 'none', headers: [['X-A', 'b: c']], capture: { id: 'data.id' }, exact: true, body: '{ "a": 1 }' }
  assert.deepEqual(steps, [{ ...expected, ignore: ['version'] }])
})

test('every scenario has a recording with the same requests', () => {
  for (const name of listRecordings()) {
    const { steps } = parseScenario(readFileSync(join(projectRoot, 'compat/scenarios', `${name}.http`), 'utf8'))
    const requests = ({ title, method, path, body }: { title: string; method: string; path: string; body?: string }) => [title, method, path, body]
    assert.deepEqual(readRecording(name).steps.map(requests), steps.map(requests), name)
  }
})

test('a value captured with line ends stays one text in a JSON body', () => {
  assert.equal(fillBody('{ "a": "${pem}" }', { pem: 'x\n"y"' }), '{ "a": "x\\n\\"y\\"" }')
  assert.equal(fillBody('${repeat 3 ab}', {}), 'ababab')
  assert.deepEqual(findMissing({ title: 't', method: 'GET', path: '${a}/${b}' }, { a: 'x' }), ['b'])
})

test('masks accept what they stand for and nothing else', () => {
  const accepted = ['<uuid> <time>', '0a1b2c3d-0000-1111-2222-333344445555 2026-01-02T03:04:05.678Z'] as const
  assert.ok(fits(accepted[0], accepted[1], {}))
  assert.ok(!fits('<uuid>', 'no uuid', {}))
  assert.ok(!fits('a.b', 'axb', {}))
  assert.ok(fits('id ${x}', 'id 7', { x: '7' }))
  assert.equal(fitsWhole('<about 60>', 58), true)
  assert.equal(fitsWhole('<about 60>', 50), false)
  assert.equal(fitsWhole('<bool>', 'true'), false)
  assert.equal(fitsWhole('text', 'text'), null)
  assert.ok(isListed(['**.version'], 'data.x.version') && isListed(['a.*.b'], 'a.7.b') && !isListed(['a.*.b'], 'a.7.8.b'))
})

test('a missing key, another value, another length and another status are differences; an extra key is none', () => {
  assert.deepEqual(diffs(step({ a: 1 }), { a: 1, b: 2 }), [])
  assert.equal(diffs(step({ a: 1 }), {}).length, 1)
  assert.equal(diffs(step({ a: 1 }), { a: '1' }).length, 1)
  assert.equal(diffs(step([1, 2]), [1]).length, 1)
  assert.equal(diffs(step({ a: 1 }), { a: 1 }, 201).length, 1)
  assert.equal(diffs(step({ a: null }), { a: {} }).length, 1)
})

test('the wording of an error counts only where the step says exact', () => {
  assert.deepEqual(diffs(step({ errors: ['a'] }), { errors: ['b'] }), [])
  assert.equal(diffs(step({ errors: ['a'] }, { exact: true }), { errors: ['b'] }).length, 1)
  assert.equal(diffs(step({ errors: ['a'] }), { errors: [] }).length, 1)
})

test('an unordered list is compared as a set, with masked items last', () => {
  const expected = step({ keys: ['<string>', 'a'] }, { unordered: ['keys'] })
  assert.deepEqual(diffs(expected, { keys: ['a', 'other'] }), [])
  assert.equal(diffs(step({ keys: ['b', 'a'] }, { unordered: ['keys'] }), { keys: ['a', 'c'] }).length, 1)
})

test('what differs between two answers becomes a mask, what does not stays', () => {
  const notes = { ignore: [], unordered: [], doubts: [] as string[] }
  const masked = maskValue({ id: 'one x', n: 1, keys: ['b', 'a'] }, { id: 'two x', n: 2, keys: ['a', 'b'] }, notes)
  assert.deepEqual(masked, { id: '<string> x', n: '<number>', keys: ['a', 'b'] })
  assert.deepEqual(notes, { ignore: [], unordered: ['keys'], doubts: [] })
  maskValue({ a: 1 }, { a: 'x' }, notes)
  assert.equal(notes.doubts.length, 1)
})

test('a dotted path finds values in lists and objects, and nothing inherited', () => {
  assert.equal(valueAt({ data: { keys: ['a', 'b'] } }, 'data.keys.1'), 'b')
  assert.equal(valueAt({}, 'constructor'), undefined)
})
