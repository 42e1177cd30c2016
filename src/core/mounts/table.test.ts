import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Store } from '../../kit/store.ts'
import { serveHarness } from '../../request/testing/serve-harness.ts'
import { memoryStore } from '../../storage/memory.ts'

test('a mount that was being looked up while it was disabled is not found after that', async () => {
  const memory = memoryStore()
  let gate: Promise<void> | null = null
  const store: Store = {
    ...memory,
    async get(key) {
      const held = key.startsWith('t/') ? gate : null
      const entry = await memory.get(key)
      await held
      return entry
    },
  }
  const server = await serveHarness({ store })
  await server.ok('write', 'sys/mounts/kv', { data: { type: 'kv' } })
  const { mounts } = server.core
  mounts.forget()
  let release = (): void => undefined
  gate = new Promise((resolve) => (release = resolve))
  const early = mounts.at('kv/')
  await new Promise((resolve) => setImmediate(resolve))
  gate = null
  await server.ok('delete', 'sys/mounts/kv')
  assert.equal(await mounts.at('kv/'), null)
  release()
  assert.equal((await early)?.record.path, 'kv/')
  assert.equal(await mounts.at('kv/'), null)
  await server.close()
})
