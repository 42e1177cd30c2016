/** The databases that this server knows. */
import { badRequest } from '../../../kit/errors.ts'
import type { Driver } from '../driver.ts'
import { cassandra } from './cassandra.ts'
import { clickhouse } from './clickhouse.ts'
import { couchbase } from './couchbase.ts'
import { elasticsearch, opensearch } from './elasticsearch.ts'
import { influxdb } from './influxdb.ts'
import { mongodb } from './mongodb.ts'
import { mysql, mysqlLegacy } from './mysql.ts'
import { oracle } from './oracle.ts'
import { postgresql } from './postgresql.ts'
import { redis } from './redis.ts'
import { snowflake } from './snowflake.ts'
import { sqlserver } from './sqlserver.ts'

const drivers: readonly Driver[] = Object.freeze([postgresql, mysql, mysqlLegacy, redis, mongodb, sqlserver, influxdb, elasticsearch, opensearch, cassandra, clickhouse, snowflake, couchbase, oracle])

const byPlugin = new Map(drivers.flatMap((driver) => driver.plugins.map((plugin) => [plugin, driver] as const)))

/** Names that connections choose their driver by, sorted. */
export const databasePlugins: readonly string[] = Object.freeze([...byPlugin.keys()].sort())

/** Throws `bad_request` with Vault's words. */
export function driverOf(plugin: string): Driver {
  const driver = byPlugin.get(plugin)
  if (driver !== undefined) return driver
  const item = `\n\t* plugin not found in the catalog: ${plugin}`
  throw badRequest(`error creating database object: invalid database version: 2 errors occurred:${item}${item}\n\n`)
}
