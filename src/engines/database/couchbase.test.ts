/** The contract over Couchbase's API, and what is its own: a new password changes nothing else. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { databaseContract } from '../../request/testing/database-contract.ts'
import { couchbase } from './drivers/couchbase.ts'
import { startCouchbase } from './testing/couchbase.ts'

databaseContract('Couchbase', startCouchbase)

test('a user keeps its roles when it gets another password', async () => {
  const db = await startCouchbase()
  try {
    const session = await couchbase.target({ ...db.details, ...db.admin }).connect(db.admin, new AbortController().signal)
    const credential = { type: 'password', password: 'long enough' } as const
    await session.createUser({ username: 'V_1', credential, expiresAt: 0, statements: db.creation, rollbackStatements: [] })
    assert.equal(db.rolesOf('V_1'), 'data_reader[app],ro_admin')
    await session.setCredential('V_1', { ...credential, password: 'another one' }, [])
    assert.deepEqual([db.rolesOf('V_1'), await db.canLogIn('V_1', 'another one')], ['data_reader[app],ro_admin', true])
    for (const statements of [['[1]'], ['{"roles": {}}'], ['{"roles": ["admin"]}'], ['x']]) {
      await assert.rejects(session.createUser({ username: 'V_2', credential, expiresAt: 0, statements, rollbackStatements: [] }), { code: 'bad_request' })
    }
    await assert.rejects(session.setCredential('nobody', credential, []), /failed to execute GET .*: 404/)
    assert.equal(await db.canLogIn(db.admin.username, db.admin.password), true)
    session.close()
  } finally {
    await db.stop()
  }
})

test('hosts are a list of them, of which the first one is asked', () => {
  const target = (more: object): unknown => couchbase.target({ username: 'u', password: 'p', ...more })
  assert.doesNotThrow(() => target({ hosts: 'couchbases://a,b', base64pem: '' }))
  assert.throws(() => target({ hosts: '' }), /hosts cannot be empty/)
  assert.throws(() => target({ hosts: 'couchbase://u:p@a' }), /may not hold a user/)
  assert.throws(() => target({ hosts: 'couchbases://a', base64pem: 'eA==' }), /base64pem: there is no certificate in it/)
})
