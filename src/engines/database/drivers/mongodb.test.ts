/** Addresses of MongoDB: what is taken, and what would make the server read files or send its login elsewhere. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addressOf, mongodb } from './mongodb.ts'

const parsed = (connection_url: string, more: Readonly<Record<string, string>> = {}) => addressOf({ connection_url, username: 'u:1', password: 'p@s/s', ...more })

test('user and password are taken out of the address, whatever is in them', () => {
  assert.deepEqual(parsed('mongodb://{{username}}:{{password}}@a:1,b:2/admin?replicaSet=r').login, { username: 'u:1', password: 'p@s/s' })
  const { url, source, login } = parsed('mongodb+srv://some%40one:x@cluster.example/app?authSource=users')
  assert.deepEqual({ url, source, login }, { url: 'mongodb+srv://cluster.example/app?authSource=users', source: 'users', login: { username: 'some@one', password: 'x' } })
  assert.deepEqual([parsed('mongodb://a').login.username, parsed('mongodb://a').source, parsed('mongodb://a/app').source], ['u:1', 'admin', 'app'])
})

test('a write concern is JSON, or JSON in base64', () => {
  const text = '{"wmode": "majority", "wtimeout": 5000}'
  for (const write_concern of [text, Buffer.from(text).toString('base64')]) assert.deepEqual(parsed('mongodb://a', { write_concern }).writeConcern, { w: 'majority', wtimeout: 5000 })
  assert.throws(() => parsed('mongodb://a', { write_concern: 'x' }), /write_concern: expected a JSON object/)
})

test('options that read files, the environment, or go by way of somebody else are refused', () => {
  for (const option of ['tlsCAFile=/etc/passwd', 'tlsCertificateKeyFile=/k', 'sslCA=/x', 'proxyHost=evil', 'authMechanismProperties=a:b', 'TLSCAFILE=/x']) assert.throws(() => parsed(`mongodb://a/?${option}`), /is not taken/)
  for (const mechanism of ['MONGODB-AWS', 'MONGODB-OIDC', 'GSSAPI']) assert.throws(() => parsed(`mongodb://a/?authMechanism=${mechanism}`), /unknown authMechanism/)
  for (const url of ['postgresql://a', 'mongodb://', 'a:27017', 'mongodb://%zz@a']) assert.throws(() => parsed(url), { code: 'bad_request' })
})

test('nobody there is said to be nobody there', async () => {
  const target = mongodb.target({ connection_url: 'mongodb://127.0.0.1:1/', connect_timeout: '1s', username: 'u', password: 'p' })
  await assert.rejects(target.connect(target.login, new AbortController().signal), /failed to connect to `user=u`: 127\.0\.0\.1:1: connect ECONNREFUSED/)
})
