/** Verbs against a real server: what they print, where, and with which exit code. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { openShell, type TestShell } from './testing/command.ts'
import { startTestServer, type TestServer } from './testing/server.ts'

let server: TestServer
let shell: TestShell

before(async () => {
  server = await startTestServer()
  shell = openShell({ COFFER_ADDR: server.address, COFFER_TOKEN: server.token })
})
after(async () => {
  shell?.close()
  await server?.stop()
})

const words = (line: string): string[] => line.split(' ')
const ok = (line: string, input?: string): Promise<string> => shell.ok(words(line), input === undefined ? {} : { input })
const run = (line: string) => shell.run(words(line))
const lines = (...all: string[]): string => `${all.join('\n')}\n`
const time = /\d{4}-\d\d-\d\dT[\d:.]+Z/g

test('a versioned secret is stored, read, and shown in the blocks that scripts know', async () => {
  const put = await ok('kv put -mount=secret demo user=ann age=-', '42')
  assert.equal(
    put.replace(time, 'TIME'),
    lines(
      '== Secret Path ==',
      'secret/data/demo',
      '',
      '======= Metadata =======',
      'Key                Value',
      '---                -----',
      'created_time       TIME',
      'custom_metadata    <nil>',
      'deletion_time      n/a',
      'destroyed          false',
      'version            1',
    ),
  )
  const get = await ok('kv get secret/demo')
  assert.match(get, /\n==== Data ====\nKey {5}Value\n--- {5}-----\nage {5}42\nuser {4}ann\n$/)
  assert.equal(await ok('kv get -field=user secret/demo'), 'ann')
  assert.equal(await ok('kv get -format=json -field=data secret/demo'), '{\n  "age": "42",\n  "user": "ann"\n}')
})

test('numbers and odd names come back as they were sent', async () => {
  const json = '{"n":12345678901234567890,"e":1e400,"__proto__":"p","a.b":[1.50]}'
  await ok('kv put secret/exact -', json)
  const shown = lines('{', '  "__proto__": "p",', '  "a.b": [', '    1.50', '  ],', '  "e": 1e400,', '  "n": 12345678901234567890', '}')
  assert.equal(`${await ok('kv get -format=json -field=data secret/exact')}\n`, shown)
  assert.equal(await ok('kv get -field=n secret/exact'), '12345678901234567890')
})

test('versions are deleted, brought back, rolled back and destroyed', async () => {
  await ok('kv put secret/v x=1')
  await ok('kv put -cas=1 secret/v x=2')
  const stale = await run('kv put -cas=1 secret/v x=3')
  assert.match(stale.err, /Code: 400\. Errors:\n\n\* check-and-set parameter did not match the current version/)
  assert.equal(await ok('kv delete secret/v'), 'Success! Data deleted (if it existed) at: secret/data/v\n')
  const deleted = await run('kv get secret/v')
  assert.deepEqual([deleted.code, /destroyed {10}false/.test(deleted.out), /= Data =/.test(deleted.out)], [0, true, false])
  assert.deepEqual(await run('kv get -field=x secret/v'), { code: 2, out: '', err: 'No data found at secret/data/v\n' })
  assert.equal(await ok('kv undelete -versions=2 secret/v'), 'Success! Data written to: secret/undelete/v\n')
  assert.match(await ok('kv rollback -version=1 secret/v'), /\nversion {12}3\n/)
  assert.equal(await ok('kv get -field=x secret/v'), '1')
  assert.equal(await ok('kv destroy -versions=1,2 secret/v'), 'Success! Data written to: secret/destroy/v\n')
  assert.match(await ok('kv metadata get secret/v'), /\n====== Version 2 ======\nKey {14}Value\n[^=]*destroyed {8}true\n/)
  assert.equal(await ok('kv metadata delete secret/v'), 'Success! Data deleted (if it existed) at: secret/metadata/v\n')
})

test('a patch changes the named fields only, and removes those it is told to', async () => {
  await ok('kv put secret/p a=1 b=2')
  await ok('kv patch secret/p b=3 c=4')
  await ok('kv patch -remove-data=a secret/p')
  await ok('kv patch -method=rw -remove-data=c secret/p d=5')
  assert.equal(await ok('kv get -format=json -field=data secret/p'), '{\n  "b": "3",\n  "d": "5"\n}')
})

test('settings of a secret are set and changed', async () => {
  await ok('kv metadata put -max-versions=4 -delete-version-after=1h -custom-metadata=a=1 -custom-metadata=b=2 secret/m')
  await ok('kv metadata patch -remove-custom-metadata=a -cas-required=true secret/m')
  const shown = await ok('kv metadata get -format=json secret/m')
  assert.match(shown, /"cas_required": true/)
  assert.match(shown, /"custom_metadata": \{\n {6}"b": "2"\n {4}\}/)
  assert.match(shown, /"max_versions": 4/)
})

test('a recursive list finds every secret below a folder, and no folder', async () => {
  for (const name of ['t/a', 't/b/c', 't/b/d/e', 'tx']) await ok(`kv put secret/${name} x=1`)
  assert.equal(await ok('kv list -r secret/t'), 'Keys\n----\na\nb/c\nb/d/e\n')
  assert.equal(await ok('kv list -r -format=json -mount=secret t/b'), '[\n  "c",\n  "d/e"\n]\n')
  assert.equal(await ok('kv list secret/t'), 'Keys\n----\na\nb/\n')
})

test('what is not there is exit code 2; a list of nothing is {} in JSON', async () => {
  assert.deepEqual(await run('kv get secret/none'), { code: 2, out: '', err: 'No value found at secret/data/none\n' })
  assert.deepEqual(await run('kv list -format=json secret/none'), { code: 2, out: '{}\n', err: '' })
  assert.deepEqual(await run('kv list secret/none'), { code: 2, out: '', err: 'No value found at secret/metadata/none\n' })
  assert.deepEqual(await run('read cubbyhole/none'), { code: 2, out: '', err: 'No value found at cubbyhole/none\n' })
  assert.equal((await run('delete cubbyhole/none')).code, 0)
})

test('an unversioned engine is read and written at its own paths, and can be upgraded', async () => {
  assert.equal(await ok('secrets enable -path=old kv'), 'Success! Enabled the kv secrets engine at: old/\n')
  assert.equal(await ok('kv put old/a x=1'), 'Success! Data written to: old/a\n')
  assert.match(await ok('kv get -mount=old a'), /^== Data ==\nKey {4}Value\n--- {4}-----\nx {6}1\n$/)
  assert.equal((await run('kv patch old/a x=2')).code, 2)
  assert.equal((await run('kv metadata get old/a')).code, 1)
  assert.equal(await ok('kv enable-versioning old'), 'Success! Tuned the secrets engine at: old/\n')
  assert.equal(await ok('secrets disable old'), 'Success! Disabled the secrets engine (if it existed) at: old/\n')
})

test('policies and tokens are made, shown and ended', async () => {
  const file = join(shell.home, 'web.hcl')
  writeFileSync(file, 'path "secret/data/demo" { capabilities = ["read"] }\n')
  assert.equal(await ok(`policy write Web ${file}`), 'Success! Uploaded policy: web\n')
  assert.equal(await ok('policy read web'), 'path "secret/data/demo" { capabilities = ["read"] }\n')
  assert.match(await ok('policy list'), /^web$/m)
  const token = await ok('token create -policy=web -ttl=1h -field=token')
  assert.equal(await ok(`token capabilities ${token} secret/data/demo`), 'read\n')
  const denied = await shell.run(words('kv get secret/exact'), { environment: { COFFER_TOKEN: token } })
  assert.equal(denied.code, 2)
  assert.match(denied.err, /Code: 403\. Errors:/)
  assert.ok(!denied.err.includes(token))
  assert.match(await ok(`token lookup ${token}`), /\npolicies {12}\[default web\]\n/)
  assert.match(await ok(`token renew -increment=30m ${token}`), /\ntoken_duration {7}30m\n/)
  assert.equal(await ok(`token revoke ${token}`), 'Success! Revoked token (if it existed)\n')
  assert.equal((await run(`token lookup ${token}`)).code, 2)
  assert.equal(await ok('policy delete web'), 'Success! Deleted policy: web\n')
  assert.deepEqual(await run('policy read web'), { code: 2, out: '', err: 'No policy named: web\n' })
  assert.equal((await run('policy write x /does/not/exist')).code, 2)
})

test('an answer is wrapped, and opened once', async () => {
  const wrapping = await ok('kv get -wrap-ttl=2m -field=wrapping_token secret/demo')
  assert.match(await ok(`unwrap ${wrapping}`), /\ndata {8}map\[age:42 user:ann\]\n/)
  assert.equal((await run(`unwrap ${wrapping}`)).code, 2)
  assert.match(await ok('write sys/wrapping/wrap a=1'), /\nwrapping_token_ttl: {14}5m\n/)
})

test('auth methods are enabled and tuned, and a login keeps its token for later commands', async () => {
  assert.equal(await ok('auth enable userpass'), 'Success! Enabled userpass auth method at: userpass/\n')
  assert.equal(await ok('auth tune -description=people userpass'), 'Success! Tuned the auth method at: userpass/\n')
  assert.match(await ok('auth list'), /\nuserpass\/ +userpass +auth_userpass_\w+ +people +/)
  await ok('write auth/userpass/users/sally password=pw token_policies=default')
  const own = openShell({ VAULT_ADDR: server.address })
  try {
    const asked = await own.run(words('login -method=userpass username=sally'), { typed: 'pw' })
    assert.equal(asked.code, 0)
    assert.match(asked.out, /^Success! You are now authenticated\. The token information displayed below\nis already stored/)
    assert.match(asked.err, /^Password \(will be hidden\): \n$/)
    const kept = (await own.ok(['print', 'token'])).trim()
    assert.match(asked.out, new RegExp(`\\ntoken +${kept}\\n`))
    assert.match(await own.ok(['token', 'lookup']), /\ndisplay_name +userpass-sally\n/)
    assert.match(await own.ok(words('login -method=userpass -token-only username=sally password=pw')), /^\w+\.[\w-]+$/)
    assert.equal((await own.ok(['print', 'token'])).trim(), kept)
    assert.equal((await own.run(words('login -method=userpass username=sally password=no'))).code, 2)
    assert.equal((await own.run(words('login -method=nope'))).code, 1)
    assert.equal((await own.run(words('login -non-interactive'))).code, 2)
    assert.equal(await own.ok(['token', 'revoke', '-self']), 'Success! Revoked token (if it existed)\n')
    assert.equal(await own.ok(['print', 'token']), '\n')
  } finally {
    own.close()
  }
})

test('an application logs in with its role', async (t) => {
  if ((await run('plugin info auth approle')).code !== 0) return t.skip('this server has no approle')
  await ok('auth enable approle')
  await ok('write auth/approle/role/web token_policies=default')
  const role = await ok('read -field=role_id auth/approle/role/web/role-id')
  const secret = await ok('write -f -field=secret_id auth/approle/role/web/secret-id')
  assert.match(await ok(`login -method=approle -no-store role_id=${role} secret_id=-`, secret), /\ntoken_policies +\["default"\]\n/)
})

test('who has no token is told how to get one', async () => {
  const { code, err } = await shell.run(words('read sys/mounts'), { environment: { COFFER_TOKEN: '' } })
  assert.equal(code, 2)
  assert.match(err, /\nThere is no token: run "coffer login", or set COFFER_TOKEN\.\n$/)
  assert.doesNotMatch((await shell.run(words('read sys/mounts'), { environment: { COFFER_TOKEN: 'hvs.wrong' } })).err, /There is no token/)
})

test('the state of the server is told by exit codes', async () => {
  assert.match(await ok('status'), /^Key +Value\n(.*\n)*Sealed +false\n/)
  assert.match(await ok('status -format=json'), /^\{\n {2}"type": "shamir",\n {2}"initialized": true,\n {2}"sealed": false,/)
  assert.equal((await shell.run(['status'], { environment: { COFFER_ADDR: 'http://127.0.0.1:1' } })).code, 1)
  assert.equal(await ok('operator init -status'), 'Vault is initialized\n')
  const keyStatus = /^Key Term {12}\d+\nInstall Time {8}\d\d \w{3} \d\d \d\d:\d\d UTC\nEncryption Count {4}\d+\n$/
  assert.match(await ok('operator key-status'), keyStatus)
})

test('audit devices are enabled, listed and disabled; a list of none is exit code 2', async () => {
  assert.deepEqual(await run('audit list'), { code: 2, out: 'No audit devices are enabled.\n', err: '' })
  const file = join(shell.home, 'audit.log')
  assert.equal(await ok(`audit enable file file_path=${file}`), 'Success! Enabled the file audit device at: file/\n')
  assert.match(await ok('audit list -detailed'), new RegExp(`\\nfile/ +file +n/a +replicated +file_path=${file}`))
  assert.equal(await ok('audit disable file'), 'Success! Disabled audit device (if it was enabled) at: file/\n')
  assert.match(await ok(`audit verify ${file}`), /^chains fit/)
})

test('a request is printed instead of sent', async () => {
  assert.equal(
    await ok('kv put -output-curl-string secret/new x=1'),
    `curl -X PUT -H "X-Vault-Request: true" -H "X-Vault-Token: $(coffer print token)" -d '{"data":{"x":"1"},"options":{}}' ` +
      `"${server.address}/v1/secret/data/new"\n`,
  )
  assert.equal(await ok('kv get -output-policy secret/new'), 'path "secret/data/new" {\n  capabilities = ["read"]\n}\n')
  assert.equal((await run('kv get secret/new')).code, 2)
})

test('warnings go to stderr and results to stdout', async () => {
  const { code, out, err } = await run('write auth/token/create policies=default no_such_field=1')
  assert.equal(code, 0)
  assert.match(out, /^Key /)
  assert.match(err, /^WARNING! The following warnings were returned from Vault:\n\n {2}\* Endpoint ignored .*no_such_field/)
})

test('a forbidden header, a broken token and a broken address are refused before anything is sent', async () => {
  assert.match((await run('read -header=X-Vault-Token=x sys/mounts')).err, /X-Vault-/)
  assert.equal((await shell.run(['read', 'sys/mounts'], { environment: { COFFER_TOKEN: 'a\nb' } })).code, 2)
  assert.equal((await run('read -address=ftp://x sys/mounts')).code, 2)
  assert.match((await run('read secret/../sys/mounts')).err, /"\.\." as a segment/)
})

test('leases are listed folder by folder, counted, and nothing waits for anybody when all could be revoked', async () => {
  await ok('secrets enable -path=lease-ssh ssh')
  await ok('write lease-ssh/roles/otp key_type=otp default_user=app cidr_list=192.0.2.0/24')
  for (const ip of ['192.0.2.1', '192.0.2.2']) await ok(`write lease-ssh/creds/otp ip=${ip}`)
  assert.equal(await ok('lease list lease-ssh/creds'), lines('Keys', '----', 'otp/'))
  const ids = (await ok('lease list /lease-ssh/creds/otp/')).trim().split('\n').slice(2)
  assert.equal(ids.length, 2)
  assert.match(await ok(`lease lookup lease-ssh/creds/otp/${ids[0]}`), /renewable +false/)
  assert.match(await ok('lease count -by=mount lease-ssh'), /\nlease-ssh\/ +2\nall +2\n$/)
  assert.equal(await ok('lease list -irrevocable'), 'No lease waits for anybody: all could be revoked so far.\n')
  assert.equal(await ok('lease list -irrevocable -format=json'), '[]\n')
  assert.equal(await ok('lease progress'), 'Nothing is being revoked in the background.\n')
  await ok('lease revoke -prefix lease-ssh/creds/otp')
  assert.equal((await run('lease list lease-ssh/creds/otp')).code, 2)
  await ok('secrets disable lease-ssh')
})
