/** The contract over a real Cassandra. */
import { databaseContract } from '../../request/testing/database-contract.ts'
import { startCassandra } from './testing/cassandra.ts'

databaseContract('Cassandra', startCassandra)
