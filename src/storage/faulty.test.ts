import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Conflict } from '../kit/errors.ts'
import { storeContract } from './contract.ts'
import { bytes, increment, readText } from './contract-parts.ts'
import { type FaultPlan, faultyStore } from './faulty.ts'
import { memoryStore } from './memory.ts'
import { runTransaction } from './transaction.ts'

storeContract('faulty store whose plan is empty', async (settings) => {
  const store = faultyStore(memoryStore(settings), 1, {})
  return { store, close: async () => {} }
})

storeContract('faulty store that only delays', async (settings) => {
  const store = faultyStore(memoryStore(settings), 1, { delay: 0.02, delayMsMax: 1 })
  return { store, close: async () => {} }
})

const plan: FaultPlan = { readError: 0.1, errorBefore: 0.2, errorAfter: 0.2, conflict: 0.2, delay: 0.5, sleep: async () => {} }

async function run(seed: number): Promise<string[]> {
  const inner = memoryStore()
  const store = faultyStore(inner, seed, plan)
  const outcomes: string[] = []
  for (let round = 0; round < 200; round += 1) {
    const before = await readText(inner, 'count')
    const version = (await inner.get('count'))?.version ?? 0
    const outcome = await store.commit([{ key: 'count', version }], [{ merge: 'count', by: increment }]).then(() => 'done', String)
    outcomes.push(`${outcome}: ${before} to ${await readText(inner, 'count')}`)
  }
  return outcomes
}

test('the same seed meets the same faults, another seed meets others', async () => {
  assert.deepEqual(await run(7), await run(7))
  assert.notDeepEqual(await run(7), await run(8))
})

test('errors before a commit write nothing, errors after it leave it done, and all kinds occur', async () => {
  const kinds = new Map<string, number>()
  for (const outcome of await run(11)) {
    const [kind, values] = [outcome.slice(0, outcome.lastIndexOf(': ')), outcome.slice(outcome.lastIndexOf(': ') + 2)]
    const [before, after] = values.split(' to ').map((value) => Number(value === 'undefined' ? 0 : value))
    const isWritten = kind === 'done' || kind.includes('after the commit')
    assert.equal(after, (before ?? 0) + (isWritten ? 1 : 0), outcome)
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1)
  }
  assert.equal(kinds.size, 4)
})

test('reads fail as planned, and the faults are counted', async () => {
  const store = faultyStore(memoryStore(), 3, { readError: 0.5 })
  const outcomes = await Promise.allSettled(Array.from({ length: 100 }, () => store.get('absent')))
  const failed = outcomes.filter(({ status }) => status === 'rejected').length
  assert.ok(failed > 20 && failed < 80)
  assert.equal(store.faults.readError, failed)
})

test('a transaction outlasts injected conflicts', async () => {
  const inner = memoryStore()
  const store = faultyStore(inner, 5, { conflict: 0.5 })
  for (let round = 0; round < 50; round += 1) {
    await runTransaction(store, async (transaction) => {
      transaction.put('count', increment((await transaction.get('count'))?.value ?? null))
    }, { sleep: async () => {}, attempts: 40 })
  }
  assert.equal(await readText(inner, 'count'), '50')
  assert.ok(store.faults.conflict > 10)
  const always = faultyStore(inner, 5, { conflict: 1 })
  await assert.rejects(always.commit([{ key: 'x', version: 0 }], [{ put: 'x', value: bytes('1') }]), Conflict)
})
