/** The contract over a real InfluxDB. */
import { databaseContract } from '../../request/testing/database-contract.ts'
import { startInfluxdb } from './testing/influxdb.ts'

databaseContract('InfluxDB', startInfluxdb)
