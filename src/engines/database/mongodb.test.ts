/** The contract over MongoDB's protocol, by its driver, and what is its own: roles. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { databaseContract } from '../../request/testing/database-contract.ts'
import { mongodb } from './drivers/mongodb.ts'
import { startMongodb } from './testing/mongodb.ts'

databaseContract('MongoDB', startMongodb)

test('a user has the roles of the statement, in the database of the statement unless a role names another', async () => {
  const db = await startMongodb()
  try {
    const session = await mongodb.target({ ...db.details, ...db.admin }).connect(db.admin, new AbortController().signal)
    const user = { username: 'v-1', credential: { type: 'password', password: 'x' }, expiresAt: 0, rollbackStatements: [] } as const
    await session.createUser({ ...user, statements: db.creation })
    assert.deepEqual(db.rolesOf('v-1'), [{ role: 'read', db: 'app' }, { role: 'readWrite', db: 'admin' }, 'read'])
    for (const statements of [[], ['{}'], ['{"roles": "read"}'], ['{"db": 1, "roles": []}'], ['{"roles": []}', '{"roles": []}'], ['x']]) {
      await assert.rejects(session.createUser({ ...user, username: 'v-2', statements }), { code: 'bad_request' })
    }
    await session.dropUser('v-1', ['{"db": "admin"}'])
    await session.dropUser('v-1', [])
    session.close()
    await assert.rejects(session.check())
    assert.equal(session.isOpen(), false)
  } finally {
    await db.stop()
  }
})
