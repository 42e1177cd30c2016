/** Files of templates: whole, in order, and each failure for itself. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { agentConfigOf } from './config/config.ts'
import type { TemplateSettings } from './config/settings.ts'
import { writeFiles } from './deliver.ts'
import { settleInTurns } from './in-turns.ts'

function templatesAt(...destinations: readonly string[]): readonly TemplateSettings[] {
  return agentConfigOf({ template: destinations.map((destination) => ({ contents: 'x', destination, perms: '0640' })) }, 'agent', {}, 'machine').templates
}

const written = async (templates: readonly TemplateSettings[], text: (i: number) => string): Promise<number[]> =>
  (await writeFiles(new Map(templates.map((template, i) => [template, text(i)])))).changed.map((template) => templates.indexOf(template))

test('all are written, those that have changed are told in order, and of one path the last one stays', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'coffer-deliver-'))
  try {
    const templates = templatesAt(...Array.from({ length: 40 }, (_, i) => join(folder, 'a', `${i}`)), join(folder, 'a', '0'))
    const all = Array.from({ length: 41 }, (_, i) => i)
    assert.deepEqual(await written(templates, (i) => `text ${i}`), all)
    assert.equal(readFileSync(join(folder, 'a', '0'), 'utf8'), 'text 40')
    assert.equal(statSync(join(folder, 'a', '7')).mode & 0o777, 0o640)
    assert.deepEqual(await written(templates.slice(0, 40), (i) => (i === 0 ? 'text 40' : i % 20 === 9 ? 'other' : `text ${i}`)), [9, 29])
    assert.equal(readdirSync(join(folder, 'a')).length, 40, 'nothing half written is left')
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('one that cannot be written is told, and keeps no other from being written', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'coffer-deliver-'))
  try {
    mkdirSync(join(folder, 'taken'))
    const templates = templatesAt(join(folder, 'taken'), join(folder, 'free'))
    const { changed, failure } = await writeFiles(new Map(templates.map((template) => [template, 'x'])))
    assert.deepEqual([changed, failure !== null && (failure.reason as NodeJS.ErrnoException).code], [[templates[1]], 'EISDIR'])
    assert.deepEqual(readdirSync(folder).toSorted(), ['free', 'taken'])
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('no more are under way than is wanted, and results stand in the order of the items', async () => {
  let [now, most] = [0, 0]
  const results = await settleInTurns([5, 1, 4, 2, 3], 2, async (ms) => {
    most = Math.max(most, (now += 1))
    await new Promise((resolve) => setTimeout(resolve, ms))
    now -= 1
    if (ms === 4) throw new Error('four')
    return ms
  })
  assert.equal(most, 2)
  assert.deepEqual(results.map((result) => (result.status === 'fulfilled' ? result.value : (result.reason as Error).message)), [5, 1, 'four', 2, 3])
  assert.deepEqual(await settleInTurns([], 3, async () => 1), [])
})
