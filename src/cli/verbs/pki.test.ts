/** The pki verbs with a real server. */
import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { after, before, test } from 'node:test'
import { openShell, type TestShell } from '../testing/command.ts'
import { startTestServer, type TestServer } from '../testing/server.ts'

let server: TestServer
let shell: TestShell

before(async () => {
  server = await startTestServer()
  shell = openShell({ COFFER_ADDR: server.address, COFFER_TOKEN: server.token })
  for (const mount of ['root', 'sub', 'other']) await shell.ok(['secrets', 'enable', `-path=${mount}`, 'pki'])
  await shell.ok(['secrets', 'tune', '-max-lease-ttl=87600h', 'root'])
  await shell.ok(['write', 'root/root/generate/internal', 'common_name=Root', 'key_type=ec', 'issuer_name=one', 'ttl=80000h'])
  await shell.ok(['write', 'other/root/generate/internal', 'common_name=Other', 'key_type=ec', 'issuer_name=two'])
})
/** With the clock of the server, which made the certificates. */
const runNow = (args: readonly string[]): ReturnType<TestShell['run']> => shell.run(args, { now: Date.now() + 1000 })
after(async () => {
  shell.close()
  await server.stop()
})

test('pki issue makes an intermediate, and the others tell from whom it is', async () => {
  await shell.ok(['pki', 'issue', '-issuer_name=child', 'root/issuer/one', 'sub', 'common_name=Child', 'key_type=ec', 'ttl=200h', 'alt_names=ca.example.com'])
  const verdict = await runNow(['pki', 'verify-sign', '-format=json', 'root/issuer/one', 'sub/issuer/child'])
  assert.deepEqual(JSON.parse(verdict.out), { subject_match: true, path_match: true, trust_match: true, key_id_match: true, signature_match: true })
  const stranger = await runNow(['pki', 'verify-sign', '-format=json', 'other/issuer/two', 'sub/issuer/child'])
  assert.deepEqual(JSON.parse(stranger.out), { subject_match: false, path_match: false, trust_match: false, key_id_match: false, signature_match: false })
  const listed = await runNow(['pki', 'list-intermediates', '-use_names', '-format=json', 'root/issuer/one'])
  const found = JSON.parse(listed.out) as Record<string, boolean>
  assert.equal(found['sub/issuer/child'], true)
  assert.equal(found['other/issuer/two'], false)
})

test('pki reissue takes over what the template says', async () => {
  await shell.ok(['pki', 'reissue', '-issuer_name=again', 'root/issuer/one', 'sub/issuer/child', 'sub', 'ou=New'])
  const shown = await shell.run(['read', '-field=certificate', 'sub/issuer/again'])
  const certificate = new X509Certificate(shown.out)
  assert.equal(certificate.subject, 'OU=New\nCN=Child')
  assert.equal(certificate.subjectAltName, 'DNS:Child, DNS:ca.example.com')
  assert.equal(certificate.publicKey.asymmetricKeyType, 'ec')
})

test('pki health-check says what is wrong, and exits with how bad it is', async () => {
  const listed = await runNow(['pki', 'health-check', '-list', '-format=json'])
  assert.ok((JSON.parse(listed.out) as string[]).includes('ca_validity_period'))
  const critical = await runNow(['pki', 'health-check', '-format=json', 'other'])
  assert.equal(critical.code, 4)
  const { ca_validity_period: validity } = JSON.parse(critical.out) as Record<string, { status: string }[]>
  assert.equal(validity?.[0]?.status, 'critical')
  await shell.ok(['write', 'root/roles/web', 'allowed_domains=example.com', 'allow_subdomains=true'])
  assert.equal((await runNow(['pki', 'health-check', '-return-indicator=critical', 'root'])).code, 0)
  assert.equal((await runNow(['pki', 'health-check', 'root'])).code, 3)
  assert.equal((await runNow(['pki', 'health-check'])).code, 1)
})
