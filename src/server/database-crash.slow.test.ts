/** The series of `database-crash.test.ts`, ten times as long. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startPostgres } from '../engines/database/testing/postgresql.ts'
import { databaseCrashes } from './testing/database-crash.ts'

test('after 200 crashes no user is without a lease, no lease without a user, and the password of the administrator is known', async (t) => {
  const db = await startPostgres()
  if (db === null) return t.skip('PostgreSQL is not installed')
  try {
    const { made, revoked, rotated, pending } = await databaseCrashes(db, 200, 4)
    t.diagnostic(`${made} users made, ${revoked} revoked, ${rotated} rotations, ${pending} found pending`)
    assert.ok(made > 200 && revoked > 10 && rotated > 20 && pending > 50, JSON.stringify({ made, revoked, rotated, pending }))
  } finally {
    await db.stop()
  }
})
