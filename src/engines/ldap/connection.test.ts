/** Connections to a real OpenLDAP server: over TLS, with certificates, in time; and passwords in the form of other directories. */
import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { describe, test } from 'node:test'
import { withServer } from '../../request/testing/checked-server.ts'
import { withSlapd } from '../../request/testing/mounted-directory.ts'
import { startSlapd } from './testing/slapd.ts'

const onSlapd = withSlapd()

const creation = 'dn: cn={{.Username}},ou=users,dc=example,dc=com\nobjectClass: inetOrgPerson\ncn: {{.Username}}\nsn: {{.RoleName}}\ndescription: until {{.ExpirationTimeSeconds}}\nuserPassword:: {{.Password | base64}}\n'
const deletion = 'dn: cn={{.Username}},ou=users,dc=example,dc=com\nchangetype: delete\n'

describe('the connection', () => {
  test('is over TLS when told so, and only to whom the authority knows', onSlapd(async ({ slapd, connect, write, read }) => {
    slapd.makeAccount('ivan', 'x')
    await connect({ url: slapd.tlsUrl })
    assert.match((await write('static-role/s', { username: 'ivan', rotation_period: '1h' })).errors[0] ?? '', /no directory could be reached: ldaps:.*(certificate|self-signed)/i)
    await connect({ url: slapd.url, starttls: true })
    assert.match((await write('static-role/s', { username: 'ivan', rotation_period: '1h' })).errors[0] ?? '', /no directory could be reached: ldap:.*(certificate|self-signed)/i)
    assert.equal(slapd.canLogIn(slapd.dnOf('ivan'), 'x'), true)
    await connect({ url: slapd.tlsUrl, certificate: slapd.ca, starttls: false })
    assert.equal((await write('static-role/s', { username: 'ivan', rotation_period: '1h' })).status, 204)
    await connect({ url: slapd.url, starttls: true })
    assert.equal((await write('rotate-role/s')).status, 204)
    await connect({ url: slapd.tlsUrl.replace('127.0.0.1', 'localhost'), tls_min_version: 'tls13', tls_max_version: 'tls13' })
    assert.equal((await write('rotate-role/s')).status, 204)
    assert.equal(slapd.canLogIn(slapd.dnOf('ivan'), String((await read('static-cred/s'))['password'])), true)
  }))

  test('shows a certificate to a directory that wants one', async (t) => {
    const slapd = await startSlapd({ verifyClient: 'demand' })
    if (slapd === null) return t.skip('slapd and ldap-utils are not installed')
    try {
      await withServer(async (server) => {
        await server.ok('write', 'sys/mounts/ldap', { data: { type: 'ldap' } })
        slapd.makeAccount('jack', 'x')
        const config = { url: slapd.tlsUrl, ...slapd.admin, userdn: 'ou=users,dc=example,dc=com', certificate: slapd.ca, connection_timeout: 5 }
        await server.ok('write', 'ldap/config', { data: config })
        const role = { username: 'jack', rotation_period: '1h' }
        assert.equal((await server.request('write', 'ldap/static-role/s', { data: role })).status, 400)
        await server.ok('write', 'ldap/config', { data: { client_tls_cert: slapd.client.cert, client_tls_key: slapd.client.key } })
        await server.ok('write', 'ldap/static-role/s', { data: role })
        assert.ok(!(await server.ok('read', 'ldap/config')).text.includes('PRIVATE KEY'))
      })
    } finally {
      await slapd.stop()
    }
  })

  test('to somebody who never answers is given up on in the time for it', onSlapd(async ({ server, connect, write }) => {
    const silent = createServer((socket) => void socket.on('error', () => undefined).resume())
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    try {
      await connect({ url: `ldap://127.0.0.1:${(silent.address() as { port: number }).port}`, connection_timeout: 1, request_timeout: 1 })
      await write('role/app', { creation_ldif: creation, deletion_ldif: deletion })
      for (const fields of [{ starttls: false }, { starttls: true }]) {
        await connect({ url: `ldap://127.0.0.1:${(silent.address() as { port: number }).port}`, connection_timeout: 1, request_timeout: 1, ...fields })
        const answer = await server.request('read', 'ldap/creds/app')
        assert.equal(answer.status, 502)
        assert.match(answer.errors[0] ?? '', /^no directory could be reached/)
      }
    } finally {
      silent.close()
    }
  }))

  test('to Active Directory is never in the clear, and a password goes there in its own form', onSlapd(async ({ server, slapd, connect, write }) => {
    const refused = await server.request('write', 'ldap/config', { data: { url: slapd.url, ...slapd.admin, schema: 'ad' } })
    assert.deepEqual([refused.status, refused.errors], [400, ['schema ad needs TLS: use ldaps:// or starttls']])
    await connect({ url: slapd.tlsUrl, certificate: slapd.ca, schema: 'ad', length: 20 })
    slapd.makeAccount('kate', 'x')
    // This directory keeps the attribute, and goes on with the other one: so the new password is refused, and the old one given back.
    const { status, errors } = await write('static-role/s', { username: 'kate@example.com', rotation_period: '1h' })
    assert.deepEqual([status, errors], [400, ['error setting credentials: the new secret was taken, but a login with it is refused']])
    const [value = ''] = slapd.values(slapd.dnOf('kate'), 'unicodePwd')
    assert.match(Buffer.from(value, 'base64').toString('utf16le'), /^"\w{20}"$/)
  }))

  test('to RACF has a password that is not expired', onSlapd(async ({ slapd, connect, write }) => {
    await connect({ schema: 'racf', userattr: 'cn' })
    slapd.makeAccount('liam', 'x')
    await write('static-role/s', { username: 'liam', rotation_period: '1h' })
    assert.deepEqual([slapd.values(slapd.dnOf('liam'), 'racfPassword').length, slapd.values(slapd.dnOf('liam'), 'racfAttributes')], [1, [Buffer.from('noexpired').toString('base64')]])
  }))
})
