/** The contract over a real Cassandra, and TLS in front of it. */
import { databaseContract } from '../../request/testing/database-contract.ts'
import { overTls } from '../../request/testing/database-tls.ts'
import { startCassandra } from './testing/cassandra.ts'
import type { TestDatabase } from './testing/test-database.ts'
import { behindTls, type Fronted } from './testing/tls-front.ts'

databaseContract('Cassandra', startCassandra)

overTls<TestDatabase & Fronted>('Cassandra over TLS', {
  start: behindTls(startCassandra), caDetail: 'pem_bundle',
  details: (db, host, ca) => ({ ...db.details, hosts: host, port: db.tlsPort, tls: true, pem_bundle: ca }),
})
