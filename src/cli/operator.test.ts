/** Operators at work on a real server: from the first key to the sealed door. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { openShell, type TestShell } from './testing/command.ts'
import { startBareServer, type TestServer } from './testing/server.ts'

let server: TestServer
let shell: TestShell
let keys: string[] = []
before(async () => {
  server = await startBareServer()
  shell = openShell({ COFFER_ADDR: server.address })
})
after(async () => {
  shell?.close()
  await server?.stop()
})

const run = (line: string, input = '', typed?: string) => shell.run(line.split(' '), { input, ...(typed === undefined ? {} : { typed }) })
const ok = async (line: string, input = '', typed?: string): Promise<string> => {
  const { code, out, err } = await run(line, input, typed)
  assert.equal(code, 0, `${line}: ${err}`)
  return out
}
const row = (text: string, name: string): string => new RegExp(`^${name} +(.*)$`, 'm').exec(text)?.[1] ?? ''

test('a server that is not initialised says so, by exit code 2', async () => {
  assert.deepEqual(await run('operator init -status'), { code: 2, out: 'Vault is not initialized\n', err: '' })
  assert.equal((await run('status')).code, 2)
})

test('init prints the shares and the root token, once', async () => {
  const out = await ok('operator init -key-shares=3 -key-threshold=2')
  keys = [...out.matchAll(/^Unseal Key \d: (\S+)$/gm)].map((match) => match[1] ?? '')
  const token = /^Initial Root Token: (\S+)$/m.exec(out)?.[1] ?? ''
  assert.equal(keys.length, 3)
  assert.match(out, /\nVault initialized with 3 key shares and a key threshold of 2\./)
  assert.equal((await run('operator init')).code, 2)
  shell.close()
  shell = openShell({ COFFER_ADDR: server.address, COFFER_TOKEN: token })
})

test('shares are given as an argument or typed, and the exit code of status follows', async () => {
  assert.equal(row(await ok(`operator unseal ${keys[0]}`), 'Unseal Progress'), '1/2')
  assert.equal(row(await ok('operator unseal -reset'), 'Unseal Progress'), '0/2')
  await ok(`operator unseal ${keys[0]}`)
  assert.equal((await run('status')).code, 2)
  const typed = await ok('operator unseal', '', keys[1])
  assert.match(typed, /^Unseal Key \(will be hidden\): \n/)
  assert.equal(row(typed, 'Sealed'), 'false')
  assert.equal((await run('status')).code, 0)
  assert.equal((await run('operator unseal -non-interactive')).code, 1)
})

test('a quorum makes a new root token, which the one-time password decodes', async () => {
  const started = await run('operator generate-root -init')
  assert.match(started.err, /one-time password/)
  const nonce = row(started.out, 'Nonce')
  const pad = row(started.out, 'OTP')
  assert.equal(String(pad.length), row(started.out, 'OTP Length'))
  await ok(`operator generate-root -nonce=${nonce} ${keys[0]}`)
  const done = await ok(`operator generate-root -nonce=${nonce} -`, `${keys[2]}\n`)
  assert.deepEqual([row(done, 'Complete'), row(done, 'Progress')], ['true', '2/2'])
  const encoded = row(done, 'Encoded Token')
  const token = await ok(`operator generate-root -address ${server.address} -tls-skip-verify -decode ${encoded} -otp ${pad}`)
  const lookup = await shell.run(['token', 'lookup', '-format=json'], { environment: { COFFER_TOKEN: token } })
  assert.match(lookup.out, /"policies": \[\n {6}"root"\n {4}\]/)
  assert.equal((await ok('operator generate-root -generate-otp')).length, pad.length)
  assert.equal((await run(`operator generate-root ${keys[0]}`)).code, 1)
  assert.equal(await ok('operator generate-root -cancel'), 'Success! Root token generation canceled (if it was started)\n')
})

test('new shares count once they have been given back', async () => {
  const started = await run('operator rekey -init -key-shares=2 -key-threshold=2 -verify')
  assert.match(started.err, /^WARNING! The new shares are shown once/)
  const nonce = row(started.out, 'Nonce')
  assert.equal(row(await ok(`operator rekey -nonce=${nonce} ${keys[0]}`), 'Rekey Progress'), '1/2')
  const made = await run(`operator rekey -nonce=${nonce} ${keys[1]}`)
  assert.equal(made.code, 0)
  const fresh = [...made.out.matchAll(/^Key \d: (\S+)$/gm)].map((match) => match[1] ?? '')
  const verify = row(made.out, 'Verification Nonce')
  assert.equal(row(await ok(`operator rekey -verify -nonce=${verify} ${fresh[0]}`), 'Verification Progress'), '1/2')
  assert.match(await ok(`operator rekey -verify -nonce=${verify} ${fresh[1]}`), /^Rekey verification successful\./)
  keys = fresh
})

test('a sealed server opens with the new shares', async () => {
  assert.equal(await ok('operator seal'), 'Success! Vault is sealed.\n')
  assert.match((await run('read sys/mounts')).err, /Code: 503\. Errors:/)
  assert.deepEqual([(await run('operator diagnose')).code, (await run('status')).code], [2, 2])
  await ok(`operator unseal ${keys[0]}`)
  assert.match(await ok(`operator unseal -format=json ${keys[1]}`), /"sealed": false/)
  assert.match(await ok('operator rotate'), /^Success! Rotated key\n\nKey Term {12}2\n/)
  assert.equal((await run('operator diagnose')).code, 0)
})
