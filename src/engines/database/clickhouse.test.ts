/** The contract over ClickHouse's HTTP interface. */
import { databaseContract } from '../../request/testing/database-contract.ts'
import { startClickhouse } from './testing/clickhouse.ts'

databaseContract('ClickHouse', startClickhouse)
