/** The contract over PostgreSQL. What is its own is in `postgresql.test.ts`. */
import { databaseContract } from '../../request/testing/database-contract.ts'
import { startPostgres } from './testing/postgresql.ts'

databaseContract('PostgreSQL', startPostgres)
