/** TLS to databases whose test servers speak none: it is spoken in front of them. What is tested is what the drivers make of it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { overTls } from '../../request/testing/database-tls.ts'
import { startClickhouse } from './testing/clickhouse.ts'
import { startCouchbase } from './testing/couchbase.ts'
import { startElasticsearch } from './testing/elasticsearch.ts'
import { startInfluxdb } from './testing/influxdb.ts'
import { startMongodb } from './testing/mongodb.ts'
import type { TestDatabase } from './testing/test-database.ts'
import { behindTls, type Fronted } from './testing/tls-front.ts'

overTls<TestDatabase & Fronted>('Elasticsearch over TLS', {
  start: behindTls(startElasticsearch), caDetail: 'ca_cert',
  details: ({ tlsPort }, host, ca) => ({ url: `https://${host}:${tlsPort}`, ca_cert: ca }),
}, (inPlace) => {
  test('`insecure` trusts anybody, and what is spoken in the clear is no login', inPlace(async ({ db: { tlsPort }, configure }) => {
    assert.match((await configure({ url: `https://localhost:${tlsPort}` })).errors[0] ?? '', /SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_VERIFY_LEAF_SIGNATURE/)
    assert.match((await configure({ url: `http://localhost:${tlsPort}` })).errors[0] ?? '', /error verifying connection/)
    assert.deepEqual((await configure({ url: `https://localhost:${tlsPort}`, insecure: true })).errors, [])
  }))
})

overTls<TestDatabase & Fronted>('ClickHouse over TLS', {
  start: behindTls(startClickhouse), caDetail: 'tls_ca',
  details: ({ tlsPort }, host, ca) => ({ connection_url: `https://{{username}}:{{password}}@${host}:${tlsPort}/?database=app`, tls_ca: ca }),
})

overTls<TestDatabase & Fronted>('Couchbase over TLS', {
  start: behindTls(startCouchbase), caDetail: 'base64pem', caText: (text) => Buffer.from(text).toString('base64'),
  details: ({ tlsPort }, host, ca) => ({ hosts: `couchbases://${host}:${tlsPort}`, base64pem: Buffer.from(ca).toString('base64') }),
})

overTls<TestDatabase & Fronted>('InfluxDB over TLS', {
  start: behindTls(startInfluxdb), caDetail: 'pem_bundle',
  details: ({ tlsPort }, host, ca) => ({ host, port: tlsPort, tls: true, pem_bundle: ca }),
})

overTls<TestDatabase & Fronted>('MongoDB over TLS', {
  start: behindTls(startMongodb), caDetail: 'tls_ca', hasNoMinVersion: true,
  details: ({ tlsPort }, host, ca) => ({ connection_url: `mongodb://{{username}}:{{password}}@${host}:${tlsPort}/admin?tls=true`, tls_ca: ca }),
})
