/** Batch tokens carry their own record, whole, also those of older versions. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sealAead } from '../../crypto/aead.ts'
import type { Core } from '../core.ts'
import { withServer } from '../../request/testing/checked-server.ts'
import { openBatchToken, sealBatchToken } from './batch.ts'
import { createToken, type MadeToken, type NewToken } from './create.ts'

const spec: NewToken = {
  type: 'batch', path: 'auth/a/login', displayName: 'a-ann', policies: ['default', 'one'], metadata: { ann: 'ü' }, ttl: 3600, explicitMaxTtl: 7200, period: 1800, renewable: true, parent: 'hash of the parent',
  entityId: 'an entity', role: 'a role', boundCidrs: ['10.0.0.0/8'], mountAccessor: 'auth_a_1', internal: { role: 'web', maxTtl: 5 },
}

const made = (core: Core, wanted: NewToken): Promise<MadeToken> =>
  createToken(core, { on: () => assert.fail('nothing is stored'), isDirty: () => false, commit: () => assert.fail('nothing is committed') }, wanted)

test('what is opened is the record that was sealed, field by field', () => withServer(async ({ core }) => {
  const nothing = { ...spec, metadata: null, policies: [], explicitMaxTtl: 0, period: 0, parent: null, entityId: '', role: '', boundCidrs: [], mountAccessor: '', internal: {} }
  for (const wanted of [spec, nothing]) {
    const { id, record } = await made(core, wanted)
    assert.deepEqual(openBatchToken(core, id), record)
    assert.deepEqual([record.expiresAt, record.hash, record.accessor, record.renewable], [record.createdAt + 3_600_000, '', '', false])
  }
}))

test('a token of version 0.1, in which the record stands field by field, is still good', () => withServer(async ({ core }) => {
  const { record } = await made(core, spec)
  const sealed = sealAead(core.barrier.subkey('batch-token'), Buffer.from(JSON.stringify(record)), Buffer.from('batch-token'))
  assert.deepEqual(openBatchToken(core, `hvb.${Buffer.from(sealed).toString('base64url')}`), record)
}))

test('what was changed, cut or sealed for something else opens nothing', () => withServer(async ({ core }) => {
  const { id, record } = await made(core, spec)
  for (let at = 'hvb.'.length; at < id.length; at++) {
    // The last letter has bits that mean nothing.
    if (at < id.length - 1) assert.equal(openBatchToken(core, `${id.slice(0, at)}${id[at] === 'A' ? 'B' : 'A'}${id.slice(at + 1)}`), null)
    assert.equal(openBatchToken(core, id.slice(0, at)), null)
  }
  const other = sealAead(core.barrier.subkey('batch-token'), Buffer.from(JSON.stringify(record)), Buffer.from('something else'))
  assert.equal(openBatchToken(core, `hvb.${Buffer.from(other).toString('base64url')}`), null)
  assert.notEqual(sealBatchToken(core, record), sealBatchToken(core, record))
}))
