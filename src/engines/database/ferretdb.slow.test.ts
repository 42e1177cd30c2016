/** The contract over FerretDB, by the real driver of MongoDB. */
import { databaseContract } from '../../request/testing/database-contract.ts'
import { startFerretdb } from './testing/ferretdb.ts'

databaseContract('FerretDB', startFerretdb)
