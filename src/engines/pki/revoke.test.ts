/** Revocation: what lists and OCSP say, and what a revocation costs however many there were. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mutations, openSsl } from '../../crypto/testing/openssl.ts'
import { extensionIds } from '../../crypto/x509/extensions.ts'
import { parseRevocationList, type RevocationList } from '../../crypto/x509/crl.ts'
import { pemEncode } from '../../crypto/pem.ts'
import { memoryStore } from '../../storage/memory.ts'
import { beginTransaction } from '../../storage/transaction.ts'
import { certificateKey } from './certificates.ts'
import { leaseKind } from './lease.ts'
import { pageMax } from './revoked.ts'
import { textOf, withRoot, type Authority } from './testing/authority.ts'

const fresh = () => withRoot(memoryStore(), beginTransaction)
const hour = 3_600_000

async function issueOne({ ok }: Authority): Promise<string> {
  return textOf(await ok('POST', 'issue/any', { common_name: 'a.example.com' }), 'serial_number')
}

async function list({ run }: Authority, path = 'crl'): Promise<RevocationList> {
  const { bytes } = await run.send('GET', path)
  assert.ok(bytes)
  return parseRevocationList(bytes)
}

const serials = ({ entries }: RevocationList): string[] => entries.map(({ serial }) => Buffer.from(serial).toString('hex').replaceAll(/(..)(?=.)/g, '$1:'))
const numberOf = ({ extensions }: RevocationList): string => extensions.get(extensionIds.crlNumber)?.value.toString('hex') ?? ''

test('a certificate that was revoked stands in the next list, which OpenSSL believes', async (t) => {
  const ssl = openSsl(t)
  const one = await fresh()
  const serial = await issueOne(one)
  const before = await list(one)
  assert.deepEqual(serials(before), [])
  await one.ok('POST', 'revoke', { serial_number: serial.replaceAll(':', '-') })
  const after = await list(one)
  assert.deepEqual(serials(after), [serial])
  assert.ok(numberOf(after) > numberOf(before))
  const { bytes } = await one.run.send('GET', 'crl')
  ssl.write('crl.pem', pemEncode('X509 CRL', bytes ?? Buffer.alloc(0)))
  ssl.write('ca.pem', textOf(one.root, 'certificate'))
  assert.match(ssl.run('crl', '-in', 'crl.pem', '-CAfile', 'ca.pem', '-noout'), /verify OK/)
  assert.deepEqual((await one.ok('LIST', 'certs/revoked'))['keys'], [serial])
})

test('a list that has not changed is not signed again, until it is about to end', async () => {
  const one = await fresh()
  const first = await one.run.send('GET', 'crl')
  const { writes } = one.run.counts
  assert.deepEqual((await one.run.send('GET', 'crl')).bytes, first.bytes)
  assert.equal(one.run.counts.writes, writes)
  one.run.clock.now += 70 * hour
  const renewed = await list(one)
  assert.ok((renewed.nextUpdate ?? 0) > one.run.clock.now + 71 * hour)
})

test('delta lists tell what was revoked since the complete list, which waits for its time', async () => {
  const one = await fresh()
  const [first, second, third] = [await issueOne(one), await issueOne(one), await issueOne(one)]
  await one.ok('POST', 'revoke', { serial_number: first })
  await one.ok('POST', 'config/crl', { auto_rebuild: true, enable_delta: true })
  assert.deepEqual(serials(await list(one)), [first])
  await one.ok('POST', 'revoke', { serial_number: second })
  assert.deepEqual(serials(await list(one)), [first])
  const delta = await list(one, 'crl/delta')
  assert.deepEqual(serials(delta), [second])
  assert.ok(delta.extensions.get(extensionIds.deltaCrlIndicator)?.isCritical)
  await one.ok('POST', 'revoke', { serial_number: third })
  assert.deepEqual(serials(await list(one, 'crl/delta')), [second])
  one.run.clock.now += hour
  assert.deepEqual(serials(await list(one, 'crl/delta')), [second, third])
  await one.ok('GET', 'crl/rotate')
  assert.deepEqual(serials(await list(one)), [first, second, third])
  assert.deepEqual(serials(await list(one, 'crl/delta')), [])
})

test('a revocation costs the same after thousands of others, and pages are filled one after the other', async () => {
  const store = memoryStore()
  const one = await withRoot(store, beginTransaction)
  const cost = async (): Promise<number> => {
    const serial = await issueOne(one)
    const { writes } = one.run.counts
    await one.ok('POST', 'revoke', { serial_number: serial })
    return one.run.counts.writes - writes
  }
  const first = await cost()
  for (let i = 0; i < pageMax + 20; i++) await cost()
  assert.ok((await cost()) <= first)
  assert.equal(serials(await list(one)).length, pageMax + 22)
  const before = one.run.counts.gets
  await one.ok('POST', 'revoke', { serial_number: await issueOne(one) })
  assert.ok(one.run.counts.gets - before < 30, `${one.run.counts.gets - before} reads`)
})

test('forty revocations at once all stand in the list', async () => {
  const one = await fresh()
  const issued = await Promise.all(Array.from({ length: 40 }, () => issueOne(one)))
  await Promise.all(issued.map((serial_number) => one.ok('POST', 'revoke', { serial_number })))
  assert.deepEqual(serials(await list(one)).sort(), issued.sort())
})

test('OCSP says good, revoked and unknown, by POST and by GET, and OpenSSL believes it', async (t) => {
  const ssl = openSsl(t)
  const one = await fresh()
  one.run.clock.now = Date.now()
  const [good, revoked] = [await issueOne(one), await issueOne(one)]
  await one.ok('POST', 'revoke', { serial_number: revoked })
  ssl.write('ca.pem', textOf(one.root, 'certificate'))
  const hex = (serial: string): string => `0x${serial.replaceAll(':', '')}`
  ssl.run('ocsp', '-issuer', 'ca.pem', '-serial', hex(good), '-serial', hex(revoked), '-serial', '0x77', '-reqout', 'q.der')
  const request = ssl.read('q.der')
  for (const answer of [await one.run.sendBytes('ocsp', request), await one.run.send('GET', `ocsp/${encodeURIComponent(request.toString('base64'))}`)]) {
    assert.equal(answer.status, 200)
    ssl.write('a.der', answer.bytes ?? '')
    const said = ssl.run('ocsp', '-issuer', 'ca.pem', '-CAfile', 'ca.pem', '-respin', 'a.der', '-no_nonce', '-no_check_time', '-serial', hex(good), '-serial', hex(revoked), '-serial', '0x77')
    assert.match(said, new RegExp(`${hex(good)}: good[\\s\\S]*${hex(revoked)}: revoked[\\s\\S]*0x77: good[\\s\\S]*verify OK`))
  }
  const stranger = await fresh()
  assert.equal((await stranger.run.sendBytes('ocsp', request)).status, 401)
})

test('no OCSP request crashes the responder', async (t) => {
  const ssl = openSsl(t)
  const one = await fresh()
  ssl.write('ca.pem', textOf(one.root, 'certificate'))
  ssl.run('ocsp', '-issuer', 'ca.pem', '-serial', '0x77', '-reqout', 'q.der')
  for (const mutated of mutations(ssl.read('q.der'), 600, 5)) assert.ok([200, 400, 401].includes((await one.run.sendBytes('ocsp', mutated)).status))
})

test('roots cannot be put on their own list, and strangers’ certificates on none', async () => {
  const one = await fresh()
  assert.match(await one.refused('POST', 'revoke', { serial_number: textOf(one.root, 'serial_number') }), /its own CRL/)
  const other = await fresh()
  const issued = await other.ok('POST', 'issue/any', { common_name: 'a.example.com' })
  assert.match(await one.refused('POST', 'revoke', { certificate: issued['certificate'] ?? null }), /any present issuer/)
})

test('a certificate that is not kept can be revoked by showing it, or with its key', async () => {
  const one = await fresh()
  await one.ok('POST', 'roles/unkept', { allow_any_name: true, key_type: 'ec', no_store: true, ttl: '1h' })
  const issued = await one.ok('POST', 'issue/unkept', { common_name: 'a.example.com' })
  const { certificate = null, private_key = null } = issued
  await one.refused('POST', 'revoke', { serial_number: issued['serial_number'] ?? null })
  await one.ok('POST', 'revoke-with-key', { certificate, private_key })
  assert.deepEqual(serials(await list(one)), [issued['serial_number']])
})

test('what has ended is tidied away by itself, and only that', async () => {
  const one = await fresh()
  const [gone, revoked] = [await issueOne(one), await issueOne(one)]
  await one.ok('POST', 'revoke', { serial_number: revoked })
  await one.ok('POST', 'roles/long', { allow_any_name: true, key_type: 'ec', ttl: '500h' })
  const stays = textOf(await one.ok('POST', 'issue/long', { common_name: 'b.example.com' }), 'serial_number')
  await one.run.chore('tidy')
  assert.equal(((await one.ok('LIST', 'certs'))['keys'] as readonly string[]).length, 4)
  one.run.clock.now += 100 * hour
  await one.run.chore('tidy')
  const left = (await one.ok('LIST', 'certs'))['keys'] as readonly string[]
  assert.ok(left.includes(stays) && !left.includes(gone) && !left.includes(revoked))
  assert.equal((await one.run.send('LIST', 'certs/revoked')).status, 404)
  const status = await one.ok('GET', 'tidy-status')
  assert.deepEqual([status['state'], status['cert_store_deleted_count'], status['revoked_cert_deleted_count']], ['Finished', 2, 1])
})

test('tidying takes full pages of a list along, and what is left stays in it', async () => {
  const one = await fresh()
  await one.ok('POST', 'config/crl', { allow_expired_cert_revocation: true })
  for (let i = 0; i < pageMax; i++) await one.ok('POST', 'revoke', { serial_number: await issueOne(one) })
  await one.ok('POST', 'roles/long', { allow_any_name: true, key_type: 'ec', ttl: '500h' })
  const stays = textOf(await one.ok('POST', 'issue/long', { common_name: 'b.example.com' }), 'serial_number')
  await one.ok('POST', 'revoke', { serial_number: stays })
  assert.equal(serials(await list(one)).length, pageMax + 1)
  one.run.clock.now += 100 * hour
  await one.ok('POST', 'tidy', { tidy_revoked_certs: true, safety_buffer: '1h', page_size: 100 })
  await one.run.chore('tidy')
  assert.deepEqual(serials(await list(one)), [stays])
})

test('what is kept as a certificate and is none goes, when that is asked for', async () => {
  const store = memoryStore()
  const one = await withRoot(store, beginTransaction)
  await store.commit([], [{ put: certificateKey('aa:bb'), value: Buffer.from('nonsense') }])
  await one.ok('POST', 'tidy', { tidy_invalid_certs: true })
  await one.run.chore('tidy')
  assert.deepEqual((await one.ok('LIST', 'certs'))['keys'], [one.root['serial_number']])
})

test('certificates are counted where that is switched on', async () => {
  const one = await fresh()
  await issueOne(one)
  await one.run.chore('count certificates')
  assert.equal((await one.ok('GET', 'tidy-status'))['current_cert_store_count'], null)
  await one.ok('POST', 'config/auto-tidy', { maintain_stored_certificate_counts: true })
  await one.run.chore('count certificates')
  assert.equal((await one.ok('GET', 'tidy-status'))['current_cert_store_count'], 2)
})

test('the end of a lease revokes its certificate', async () => {
  const store = memoryStore()
  const one = await withRoot(store, beginTransaction)
  const serial = await issueOne(one)
  const view = beginTransaction(store)
  await leaseKind.revoke({ store: view, mount: one.run.mount, now: one.run.clock.now, internal: { serial_number: serial }, incrementSeconds: 0 } as never)
  await view.commitWith()
  assert.deepEqual(serials(await list(one)), [serial])
})

