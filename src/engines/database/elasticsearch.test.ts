/** The contract over Elasticsearch's API, and what is its own: a role that is made for one user goes with it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { databaseContract } from '../../request/testing/database-contract.ts'
import { elasticsearch } from './drivers/elasticsearch.ts'
import { startElasticsearch } from './testing/elasticsearch.ts'

databaseContract('Elasticsearch', startElasticsearch)

test('a role that is made for one user is there as long as the user is, and not at all when the user cannot be made', async () => {
  const db = await startElasticsearch()
  try {
    const session = await elasticsearch.target({ ...db.details, ...db.admin }).connect(db.admin, new AbortController().signal)
    const user = { username: 'v-1', credential: { type: 'password', password: 'long enough' }, expiresAt: 0, rollbackStatements: [] } as const
    await session.createUser({ ...user, statements: db.creation })
    assert.deepEqual(db.roles(), ['viewer', 'superuser', 'v-1'])
    await session.dropUser('v-1', [])
    assert.deepEqual([db.roles(), await db.users('v-')], [['viewer', 'superuser'], []])
    await assert.rejects(session.createUser({ ...user, statements: db.refused }), /failed to execute PUT \/_security\/user\/v-1: 400: role names/)
    assert.deepEqual(db.roles(), ['viewer', 'superuser'])
    for (const statements of [[], ['{}'], ['[]'], ['x'], ['{"elasticsearch_roles": "a"}'], ['{"elasticsearch_role_definition": 1}']]) {
      await assert.rejects(session.createUser({ ...user, statements }), { code: 'bad_request' })
    }
    session.close()
  } finally {
    await db.stop()
  }
})

test('files of the server are not read', () => {
  const target = (more: object): unknown => elasticsearch.target({ url: 'https://es:9200', username: 'u', password: 'p', ...more })
  assert.throws(() => target({ ca_path: '/etc/ca' }), /ca_path names files/)
  assert.throws(() => target({ url: 'https://u:p@es' }), /may not hold a user/)
  assert.throws(() => target({ url: 'es:9200' }), /url must be a URL/)
  assert.throws(() => target({ username: '' }), /username must be provided/)
})
