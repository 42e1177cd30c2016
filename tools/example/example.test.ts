/** The engine that CONTRIBUTING.md walks through works, and is what stands there. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { harness, type Harness } from '../../src/engines/testing/harness.ts'
import { memoryStore } from '../../src/storage/memory.ts'
import { beginTransaction } from '../../src/storage/transaction.ts'
import { counter } from './index.ts'

const fresh = (): Harness => harness({ engine: counter, store: memoryStore(), begin: beginTransaction })

test('a count begins at nothing and grows by what is written', async () => {
  const counts = fresh()
  assert.equal((await counts.send('GET', 'count/visits')).status, 404)
  await counts.send('POST', 'count/visits')
  await counts.send('POST', 'count/visits', { by: '2' })
  assert.deepEqual({ ...(await counts.send('GET', 'count/visits')).data }, { value: 3 })
  assert.deepEqual((await counts.send('LIST', 'count/')).data?.['keys'], ['visits'])
})

test('twenty writes at once lose none', async () => {
  const counts = fresh()
  await Promise.all(Array.from({ length: 20 }, () => counts.send('POST', 'count/visits')))
  assert.equal((await counts.send('GET', 'count/visits')).data?.['value'], 20)
})

test('a step back is refused', async () => {
  const { status, errors } = await fresh().send('POST', 'count/visits', { by: 0 })
  assert.deepEqual([status, errors], [400, ['by must be 1 or more']])
})

test('CONTRIBUTING.md shows this very engine', () => {
  const root = join(import.meta.dirname, '../../..')
  const source = readFileSync(join(root, 'tools/example/index.ts'), 'utf8').replaceAll('../../src/kit/', '../../kit/')
  assert.ok(readFileSync(join(root, 'CONTRIBUTING.md'), 'utf8').includes(`\`\`\`ts\n${source}\`\`\``))
})
