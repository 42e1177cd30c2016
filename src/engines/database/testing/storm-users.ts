/** Very many users of a real PostgreSQL, each of whom is to go with a lease. */
import type { LeaseTerms } from '../../../kit/result.ts'
import type { PostgresServer } from './postgresql.ts'

const prefix = 'v-storm-'

/** In one statement: a hundred thousand one after the other would be about the database's hashing of passwords. */
export const makeUsers = ({ sql }: PostgresServer, count: number): Promise<unknown> =>
  sql(`DO $$ BEGIN FOR i IN 0..${count - 1} LOOP EXECUTE format('CREATE ROLE %I LOGIN', '${prefix}' || i); END LOOP; END $$`)

/** The terms of the lease of one of these users, of the connection `pg`. */
export const termsOfUser = (i: number): Pick<LeaseTerms, 'kind' | 'internal'> => ({ kind: 'creds', internal: { username: `${prefix}${i}`, role: `n${i % 50}`, database: 'pg', revocation: [] } })

export async function countUsers({ sql }: PostgresServer): Promise<number> {
  const [row] = await sql(`SELECT count(*)::int AS left FROM pg_roles WHERE starts_with(rolname, '${prefix}')`)
  return Number(row?.['left'])
}
