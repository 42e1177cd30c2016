/** A read whose operation writes after all stands on the same ground as a write: the token and the mount that it was judged with. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { engine } from '../kit/engine.ts'
import { path } from '../kit/operation.ts'
import { withServer } from './testing/checked-server.ts'

/** An engine whose read makes what it shows, and waits before it ends. */
function making(): { readonly engine: ReturnType<typeof engine>; readonly begun: Promise<void>; readonly end: () => void } {
  let begin = (): void => undefined
  let end = (): void => undefined
  const begun = new Promise<void>((resolve) => (begin = resolve))
  const ended = new Promise<void>((resolve) => (end = resolve))
  const read = path('made').read({
    summary: 'Show, and make at first.',
    async handle({ store }) {
      store.put('made', new Uint8Array([1]))
      begin()
      await ended
      return { made: true }
    },
  })
  return { engine: engine({ type: 'making', kind: 'secret', summary: 'Makes.', operations: [read] }), begun, end }
}

test('it fails when its mount was disabled meanwhile', async () => {
  const { engine: made, begun, end } = making()
  await withServer(async ({ ok, request }) => {
    await ok('write', 'sys/mounts/m', { data: { type: 'making' } })
    const reading = request('read', 'm/made')
    await begun
    await ok('delete', 'sys/mounts/m')
    end()
    assert.equal((await reading).status, 404)
  }, { engines: [made] })
})

test('it fails when its token was revoked meanwhile', async () => {
  const { engine: made, begun, end } = making()
  await withServer(async ({ ok, request }) => {
    await ok('write', 'sys/mounts/m', { data: { type: 'making' } })
    const token = (await ok('write', 'auth/token/create', { data: {} })).auth?.['client_token'] as string
    const reading = request('read', 'm/made', { token })
    await begun
    await ok('write', 'auth/token/revoke', { data: { token } })
    end()
    assert.equal((await reading).status, 403)
    assert.deepEqual((await ok('read', 'm/made')).data, { made: true })
  }, { engines: [made] })
})
