/** Data of every form that was ever released open with this version; and the form does not change without anybody saying so. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { serveHarness, type ServeHarness } from '../serve-harness.ts'
import { checkState } from '../../../core/check/state.ts'
import { fill, shapesOf } from './fill.ts'

const folder = join(import.meta.dirname, '../../../../../src/request/testing/form/fixtures')
const forms = readdirSync(folder).flatMap((name) => /^form-(\d+)\.snap$/.exec(name)?.[1] ?? []).map(Number).sort((a, b) => a - b)

interface Fixture {
  readonly rootKey: string
  readonly rootToken: string
  readonly madeAt: number
  readonly shapes: readonly string[]
}
const fixture = (form: number): Fixture => JSON.parse(readFileSync(join(folder, `form-${form}.json`), 'utf8')) as Fixture

async function* bytesOf(file: string): AsyncGenerator<Uint8Array> {
  yield readFileSync(file)
}

/** A server that took the fixture over, as a new machine would. */
async function restored(form: number): Promise<ServeHarness> {
  const { rootKey } = fixture(form)
  const server = await serveHarness()
  const answer = await server.request('write', 'sys/storage/raft/snapshot-force', { upload: bytesOf(join(folder, `form-${form}.snap`)) })
  assert.equal(answer.status, 204, answer.text)
  await server.core.barrier.unseal(Buffer.from(rootKey, 'hex'))
  return server
}

for (const form of forms) describe(`data of form ${form}`, () => {
  test('everything in them is sound, and serves', async () => {
    const { rootToken: token } = fixture(form)
    const server = await restored(form)
    try {
      assert.deepEqual(await checkState(server.core), [])
      const read = async (path: string, as = token) => (await server.ok('read', path, { token: as })).data
      assert.deepEqual({ ...((await read('kv/data/folder/a'))?.['data'] as object) }, { number: 12, value: 'second' })
      assert.deepEqual({ ...((await read('kv/metadata/folder/a'))?.['custom_metadata'] as object) }, { owner: 'ann' })
      assert.equal((await read('old/b'))?.['value'], 'plain')
      // Those of before have none.
      if (form >= 4) {
        const { data } = await server.ok('list', 'pki/certs', { token })
        const serials = (data?.['keys'] ?? []) as string[]
        assert.equal(serials.length, 2)
        for (const serial of serials) assert.match(String((await read(`pki/cert/${serial}`))?.['certificate']), /^-----BEGIN/)
      }
      const login = await server.ok('write', 'auth/userpass/login/ann', { data: { password: 'correct horse' }, token: null })
      const role = await server.ok('write', 'auth/approle/login', { data: { role_id: 'the-role-id' }, token: null })
      for (const made of [String(login.auth?.['client_token']), String(role.auth?.['client_token']), 'fixture-token']) {
        assert.notEqual((await read('kv/data/folder/a', made))?.['data'], null)
        assert.equal((await server.request('read', 'old/b', { token: made })).status, 403)
      }
      assert.equal((await read('sys/quotas/lease-count/all'))?.['counter'], 4)
      await server.ok('write', 'auth/token/revoke', { data: { token: 'fixture-token' }, token })
      await server.ok('write', 'kv/data/folder/a', { data: { data: { value: 'third' } }, token })
      await server.sweep()
      assert.deepEqual(await checkState(server.core, { isSettled: true }), [])
    } finally {
      await server.close()
    }
  })
})

test('records have the fields that the form says: a change of them is a decision', async () => {
  const form = forms.at(-1) as number
  const server = await serveHarness()
  await fill(server)
  const advice = `The records are not those of form ${form} any more. If an older version could misread them, or this one cannot read old ones: add a step in src/barrier/migrations.ts, and a fixture of the next form. If not (a field that may be absent), or if form ${form} was never released: node dist/src/request/testing/form/make-fixture.js ${form}`
  assert.deepEqual(await shapesOf(server.core), fixture(form).shapes, advice)
  await server.close()
})
