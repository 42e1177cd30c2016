/** Chores: each as often as it says, and none that hangs holds up those of another mount. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { engine, type ChoreCall } from '../../kit/engine.ts'
import { path } from '../../kit/operation.ts'
import { serveHarness } from '../../request/testing/serve-harness.ts'
import { ChoreRunner } from './chores.ts'

const nothing = path('nothing').read({ summary: 'Nothing.', handle: () => null })

test('a chore that hangs holds up no other mount, is not begun again meanwhile, and is asked to end when the server stops', async () => {
  const begun: string[] = []
  const run = async ({ mount, signal }: ChoreCall): Promise<void> => {
    begun.push(mount.path)
    if (mount.path === 'a/' && !signal.aborted) await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
  }
  const busy = engine({ type: 'busy', kind: 'secret', summary: 'Has a chore.', operations: [nothing], chores: [{ name: 'work', everySeconds: 5, run }] })
  const server = await serveHarness({ engines: [busy] })
  for (const mount of ['a', 'b']) await server.ok('write', `sys/mounts/${mount}`, { data: { type: 'busy' } })
  const runner = new ChoreRunner(server.core)
  await runner.pass()
  assert.deepEqual(begun, [])
  for (const expected of [['a/', 'b/'], ['a/', 'b/', 'b/']]) {
    server.clock.advance(5)
    await runner.pass()
    await new Promise(setImmediate)
    assert.deepEqual(begun, expected)
  }
  runner.stop()
  await runner.settle()
  server.clock.advance(5)
  await runner.pass()
  assert.deepEqual(begun.slice(3), ['a/', 'b/'])
  await runner.settle()
  await server.close()
})

test('what a chore changes is one commit, run again when what it read has changed', async () => {
  let attempts = 0
  const run = ({ change, store }: ChoreCall): Promise<void> => change(async (unit) => {
    await unit.get('count')
    if ((attempts += 1) === 1) await store.commit([], [{ put: 'count', value: Buffer.from('"other"') }])
    unit.put('count', Buffer.from('"mine"'))
  })
  const busy = engine({ type: 'busy', kind: 'secret', summary: 'Has a chore.', operations: [nothing], chores: [{ name: 'work', everySeconds: 1, run }] })
  const server = await serveHarness({ engines: [busy] })
  await server.ok('write', 'sys/mounts/a', { data: { type: 'busy' } })
  const runner = new ChoreRunner(server.core)
  await runner.pass()
  server.clock.advance(1)
  await runner.pass()
  await runner.settle()
  assert.deepEqual([attempts, Buffer.from((await (await server.core.mounts.at('a/'))?.store.get('count'))?.value ?? []).toString()], [2, '"mine"'])
  await server.close()
})
