/** `kill -9` while users of a real database come and go. `database-crash.slow.test.ts` does it more often. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startPostgres } from '../engines/database/testing/postgresql.ts'
import { databaseCrashes } from './testing/database-crash.ts'

test('after 20 crashes no user is without a lease, no lease without a user, and the password of the administrator is known', async (t) => {
  const db = await startPostgres()
  if (db === null) return t.skip('PostgreSQL is not installed')
  try {
    const { made, revoked, rotated, pending } = await databaseCrashes(db, 20, 3)
    t.diagnostic(`${made} users made, ${revoked} revoked, ${rotated} rotations, ${pending} found pending`)
    assert.ok(made > 20 && revoked > 1 && rotated > 2 && pending > 5, JSON.stringify({ made, revoked, rotated, pending }))
  } finally {
    await db.stop()
  }
})
