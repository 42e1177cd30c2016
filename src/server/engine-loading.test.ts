import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Registered } from '../core/registry.ts'
import { serveHarness } from '../request/testing/serve-harness.ts'
import { loadEngines } from './engine-loading.ts'

test('engines that have mounts are loaded soon after the keys are there, all others not, and then it is over', async () => {
  const server = await serveHarness()
  await server.ok('write', 'sys/mounts/codes', { data: { type: 'totp' } })
  const loaded: string[] = []
  const all = server.core.registry.all.map(({ engine, routes }): Registered => ({
    engine,
    get routes() {
      loaded.push(engine.type)
      return routes
    },
  }))
  const turns: (() => void)[] = []
  let isSealed = true
  const barrier = new Proxy(server.core.barrier, { get: (target, name) => (name === 'isSealed' ? isSealed : (Reflect.get(target, name, target) as unknown)) })
  const host = { ...server.core.host, later: (_: number, work: () => void) => (turns.push(work), () => undefined) }
  const pass = async (): Promise<boolean> => {
    const turn = turns.shift()
    turn?.()
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve))
    return turn !== undefined
  }
  const stop = loadEngines({ ...server.core, barrier, host, registry: { ...server.core.registry, all } })
  for (let i = 0; i < 2 * all.length; i++) await pass()
  assert.equal(loaded.length, 0, 'nothing while it is sealed')
  isSealed = false
  for (let i = 0; i <= all.length; i++) await pass()
  assert.ok(loaded.includes('totp') && loaded.includes('system'))
  assert.ok(!loaded.includes('pki') && !loaded.includes('transit'))
  assert.equal(await pass(), false, 'it comes back no more')
  await stop()
  await server.close()
})
