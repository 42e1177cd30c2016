/** `coffer server` without a configuration: first start, second start, moving to shares, and every way in which a start fails. */
import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { ask, freePort, inPlace, type Ended } from './testing/process.ts'

const modeOf = (path: string): number => statSync(path).mode & 0o777

/** The lines of a notice that are commands, as they are printed. */
const commandsIn = (text: string): string[] => (text.match(/^ {4}(?:coffer|NONCE=|base64|rm).*$/gm) ?? []).map((line) => line.trim())

test('the first start tells what it made, and its commands, typed as they stand, lead to people who unseal every start', () => inPlace(async (place) => {
  const listen = `127.0.0.1:${await freePort()}`
  const data = join(place.folder, 'my data')
  const address = { COFFER_ADDR: `http://${listen}` }
  const first = await place.started([`-data=${data}`, `-listen=${listen}`])
  assert.deepEqual([modeOf(data), modeOf(join(data, 'seal.key'))], [0o700, 0o600])
  for (const part of [data, join(data, 'seal.key'), 'secret/', 'mode 0600', 'does not protect against', `.coffer-token.d/http-${listen.replace(':', '-')}.root`]) assert.ok(first.out().includes(part), part)
  const [put, get, init, rekey, remove, unseal, ...rest] = commandsIn(first.out())
  assert.deepEqual([rest, unseal], [[], 'coffer operator unseal'])
  const secret = place.shell(`${put} && ${get}`, address)
  assert.match(secret.out, /password {4}s3cret/, secret.err)
  const made = place.shell(`${init}\n${rekey}\n${remove}`, address)
  assert.equal(made.code, 0, made.err)
  const shares = [...made.out.matchAll(/^Key \d: (\S{44})$/gm)].map((match) => match[1] ?? '')
  assert.deepEqual([shares.length, existsSync(join(data, 'seal.key'))], [5, false])
  assert.equal((await first.stop('SIGINT')).code, 0)

  const second = await place.started([`-data=${data}`, `-listen=${listen}`])
  assert.ok(!second.out().includes('first start'))
  await second.printed(/server is sealed[^]*coffer operator unseal/)
  for (const share of shares.slice(1, 4)) assert.equal(place.shell(`${unseal} ${share}`, address).code, 0)
  assert.match(place.shell(`${get}`, address).out, /password {4}s3cret/)
  assert.equal((await second.stop()).code, 0)
}))

test('a second start finds all data again, unseals itself and says nothing about a first start', () => inPlace(async (place) => {
  const address = { COFFER_ADDR: `http://127.0.0.1:${await freePort()}` }
  const args = ['-data=d', `-listen=${address.COFFER_ADDR.slice(7)}`]
  const first = await place.started(args)
  assert.equal(place.shell('coffer kv put -mount=secret a x=1', address).code, 0)
  await first.stop('SIGKILL')
  const second = await place.started(args)
  assert.equal(place.shell('coffer kv get -mount=secret -field=x a', address).out, '1')
  assert.ok(!/first start|Root token/i.test(second.out()))
}))

test('with -dev-no-store-token the root token is shown and not kept', () => inPlace(async (place) => {
  const server = await place.started(['-data=d', '-listen=127.0.0.1:0', '-dev-no-store-token'])
  const token = /^Root token: (hvs\.\S{24})$/m.exec(server.out())?.[1]
  const address = /Api Address: (\S+)/.exec(server.out())?.[1] ?? ''
  assert.equal((await ask(`${address}/v1/auth/token/lookup-self`, token === undefined ? {} : { token })).status, 200)
  assert.deepEqual(readdirSync(place.folder).sort(), ['.bin', 'd'])
}))

/** One line, exit code 1. */
function assertRefused({ code, out, err }: Ended, why: RegExp): void {
  assert.equal(code, 1)
  assert.match(err, why)
  assert.deepEqual([err.trimEnd().split('\n').length, out], [1, ''], err)
}

test('a taken port is found before anything is made', () => inPlace(async (place) => {
  const taker = createServer()
  await new Promise<void>((resolve) => taker.listen(0, '127.0.0.1', resolve))
  const { port } = taker.address() as { port: number }
  const args = ['-data=d', `-listen=127.0.0.1:${port}`]
  try {
    assertRefused(await place.start(args).ended, new RegExp(`^Error starting the server: cannot listen on 127\\.0\\.0\\.1:${port}: another process listens there already\n$`))
  } finally {
    await new Promise((resolve) => taker.close(resolve))
  }
  assert.deepEqual(readdirSync(place.folder), ['.bin'])
  assert.match((await place.started(args)).out(), /first start/)
}))

test('an address that is none, or that this machine does not have, is one line', () => inPlace(async (place) => {
  assertRefused(await place.start(['-listen=nonsense:x']).ended, /^Error in the configuration: "nonsense:x" is not an address such as 127\.0\.0\.1:8200/)
  assertRefused(await place.start(['-listen=192.0.2.1:8200']).ended, /^Error starting the server: cannot listen on 192\.0\.2\.1:8200: this machine does not have that address/)
  assertRefused(await place.start(['-log-level=loud']).ended, /^Error in the configuration: -log-level: expected trace, debug, info, warn, error or off/)
}))

test('a data folder that is a file, or cannot be used, is one line and stays as it is', () => inPlace(async (place) => {
  const file = place.file('file', 'mine')
  assertRefused(await place.start(['-data=file', '-listen=127.0.0.1:0']).ended, /the storage folder ".*file" is not a directory/)
  assertRefused(await place.start(['-data=file/below', '-listen=127.0.0.1:0']).ended, /the storage folder ".*below" is not a directory/)
  assert.equal(readFileSync(file, 'utf8'), 'mine')
  mkdirSync(join(place.folder, 'other'))
  writeFileSync(join(place.folder, 'other/data.mdb'), 'not a store at all, but something long enough to look at')
  assertRefused(await place.start(['-data=other', '-listen=127.0.0.1:0']).ended, /holds a file "data\.mdb" that is no store of this program/)
}))

test('the folder of a Vault server is refused instead of looking empty', () => inPlace(async (place) => {
  mkdirSync(join(place.folder, 'vault/core'), { recursive: true })
  place.file('vault/core/_keyring', '{}')
  assertRefused(await place.start(['-data=vault', '-listen=127.0.0.1:0']).ended, /holds the data of another program \(core\/_keyring\), which this server cannot read/)
  assert.deepEqual(readdirSync(join(place.folder, 'vault')), ['core'])
}))

test('a second server on the same folder is refused, and the first one goes on', () => inPlace(async (place) => {
  const first = await place.started(['-data=d', '-listen=127.0.0.1:0'])
  assertRefused(await place.start(['-data=d', '-listen=127.0.0.1:0']).ended, /another server already uses the storage folder "/)
  const address = /Api Address: (\S+)/.exec(first.out())?.[1] ?? ''
  assert.equal((await ask(`${address}/v1/sys/health`)).status, 200)
}))

test('a wrong, missing, open or damaged key file is one line, and with the right one all data are there again', () => inPlace(async (place) => {
  const address = { COFFER_ADDR: `http://127.0.0.1:${await freePort()}` }
  const args = ['-data=d', `-listen=${address.COFFER_ADDR.slice(7)}`]
  const first = await place.started(args)
  assert.equal(place.shell('coffer kv put -mount=secret a x=1', address).code, 0)
  await first.stop()
  const [key, kept] = [join(place.folder, 'd/seal.key'), join(place.folder, 'kept.key')]
  renameSync(key, kept)
  assertRefused(await place.start(args).ended, /the key file ".*seal\.key" does not exist/)
  assert.ok(!existsSync(key), 'a new key would open nothing')
  for (const [content, mode, why] of [[Buffer.alloc(32, 7), 0o600, /the "keyfile" seal belongs to another store/], [Buffer.alloc(31), 0o600, /has 31 bytes instead of 32/], [readFileSync(kept), 0o644, /is open to other users \(mode 644\): chmod 600 it/]] as const) {
    writeFileSync(key, content, { mode })
    chmodSync(key, mode)
    assertRefused(await place.start(args).ended, why)
    rmSync(key)
  }
  renameSync(kept, key)
  await place.started(args)
  assert.equal(place.shell('coffer kv get -mount=secret -field=x a', address).out, '1')
}))
