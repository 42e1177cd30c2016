/** Seals that need nobody, with real servers: another Coffer that unseals this one, moves from seal to seal, and what is left when a seal is lost. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { ask, freePort, inPlace, treeOf, type Place, type RunningServer } from './testing/process.ts'
import { initialize, innerIn, listener, newKeyFile, statusOf, untilOpen, works } from './testing/sealed-server.ts'

interface Outer {
  /** The block of the seal that it is behind. */
  readonly seal: string
  readonly base: string
  readonly token: string
  readonly start: () => Promise<RunningServer>
  /** The one that is running at first. */
  readonly running: RunningServer
}

/** A server with a transit key, and a token that may do nothing but encrypt and decrypt with it. */
async function outerIn(place: Place): Promise<Outer> {
  const port = await freePort()
  const base = `http://127.0.0.1:${port}/v1`
  place.file('outer.hcl', `storage "lmdb" { path = "outer" }\n${listener(port)}seal "keyfile" { path = "outer.key" }\n`)
  assert.equal(place.shell('head -c 32 /dev/urandom > outer.key; chmod 600 outer.key').code, 0)
  const start = (): Promise<RunningServer> => place.started(['-config=outer.hcl'])
  const running = await start()
  const put = async (path: string, token: string, body: object): Promise<Record<string, Record<string, string>>> => {
    const { status, text } = await ask(`${base}/${path}`, { method: 'PUT', token, body })
    assert.ok(status < 300, text)
    return text === '' ? {} : (JSON.parse(text) as Record<string, Record<string, string>>)
  }
  const { root_token: token } = (await put('sys/init', '', {})) as unknown as { root_token: string }
  await put('sys/mounts/transit', token, { type: 'transit' })
  await put('transit/keys/unseal', token, {})
  await put('sys/policies/acl/unseal', token, { policy: 'path "transit/+/unseal" { capabilities = ["update"] }' })
  const { auth } = await put('auth/token/create', token, { policies: ['unseal'], period: '24h' })
  return { base, token, start, running, seal: `seal "transit" {\n address = "http://127.0.0.1:${port}"\n token = "${auth?.['client_token']}"\n key_name = "unseal"\n mount_path = "transit/"\n}` }
}

test('a server is unsealed by the transit engine of another one; while that is away it waits, and goes on by itself', () => inPlace(async (place) => {
  const [outer, inner] = [await outerIn(place), await innerIn(place)]
  const first = await inner.start(outer.seal)
  const { token } = await initialize(inner)
  assert.deepEqual(await statusOf(inner), { sealed: false, type: 'transit' })
  await first.stop()
  const second = await inner.start(outer.seal)
  assert.ok(await works(inner, token))
  await second.stop()
  assert.equal((await ask(`${outer.base}/sys/seal`, { method: 'PUT', token: outer.token })).status, 204)
  const third = await inner.start(outer.seal)
  await third.printed(/the seal cannot be reached; the server stays sealed and tries again.*transit refuses to decrypt \(status 503\)/)
  assert.deepEqual(await statusOf(inner), { sealed: true, type: 'transit' })
  assert.ok(!(third.out() + third.err()).includes(/token = "([^"]+)"/.exec(outer.seal)?.[1] ?? 'hvs'))
  const { text } = await ask(`${outer.base}/sys/seal-status`)
  assert.ok(text.includes('"sealed":true'))
}))

test('a server that was started before the one that unseals it is unsealed once that is there', () => inPlace(async (place) => {
  const outer = await outerIn(place)
  const inner = await innerIn(place)
  const first = await inner.start(outer.seal)
  const { token } = await initialize(inner)
  await first.stop()
  await outer.running.stop('SIGKILL')
  const waiting = await inner.start(outer.seal)
  await waiting.printed(/the seal cannot be reached.*ECONNREFUSED/)
  await outer.start()
  await untilOpen(inner, token)
  // Whoever seals it means it.
  assert.equal((await ask(`${inner.base}/sys/seal`, { method: 'PUT', token })).status, 204)
  await pause(1_500)
  assert.equal((await statusOf(inner)).sealed, true)
}))

test('when the worker ends that asks a seal which is out of reach, another one goes on asking', (t) => inPlace(async (place) => {
  if (process.platform !== 'linux') return t.skip('looks into /proc')
  const [outer, inner] = [await outerIn(place), await innerIn(place)]
  const first = await inner.start(outer.seal, 'workers = 2')
  const { token } = await initialize(inner)
  await first.stop()
  await outer.running.stop('SIGKILL')
  const waiting = await inner.start(outer.seal, 'workers = 2')
  await waiting.printed(/(?:a worker serves[^]*){2}/)
  const asked = (): number => waiting.out().split('the seal cannot be reached; the server stays sealed').length
  const [, asking = 0, other = 0] = treeOf(waiting.child.pid ?? 0)
  process.kill(asking, 'SIGKILL')
  await waiting.printed(/(?:a worker serves[^]*){3}/)
  for (const [seen, deadline] = [asked(), Date.now() + 30_000]; asked() <= seen; await pause(50)) assert.ok(Date.now() < deadline, 'nobody asks any more')
  process.kill(other, 'SIGKILL')
  await outer.start()
  await untilOpen(inner, token)
}))

test('a store moves from a transit key to a key file while it runs, and needs the old seal no more', () => inPlace(async (place) => {
  const [outer, inner] = [await outerIn(place), await innerIn(place)]
  const file = newKeyFile(place)
  const first = await inner.start(outer.seal)
  const { token } = await initialize(inner)
  await first.stop()
  const both = await inner.start(file, outer.seal)
  assert.ok(await works(inner, token))
  await both.printed(/the root key is wrapped by the seals of the configuration/)
  await both.stop()
  assert.equal((await ask(`${outer.base}/sys/seal`, { method: 'PUT', token: outer.token })).status, 204)
  await inner.start(file)
  assert.deepEqual(await statusOf(inner), { sealed: false, type: 'keyfile' })
  assert.ok(await works(inner, token))
}))

test('when the key of a seal is gone for good, the holders of recovery keys open the store, and the next seal takes over', () => inPlace(async (place) => {
  const [outer, inner] = [await outerIn(place), await innerIn(place)]
  const first = await inner.start(outer.seal)
  const { token, recovery } = await initialize(inner)
  await first.stop()
  const lost = await ask(`${outer.base}/sys/mounts/transit`, { method: 'DELETE', token: outer.token })
  assert.equal(lost.status, 204)
  const file = newKeyFile(place)
  const waiting = await inner.start(file)
  await waiting.printed(/the server stays sealed until the holders of recovery keys unseal it/)
  assert.equal((await ask(`${inner.base}/sys/unseal`, { method: 'PUT', body: { key: recovery.replace(/^../, '00') } })).status, 400)
  const { text } = await ask(`${inner.base}/sys/unseal`, { method: 'PUT', body: { key: recovery } })
  assert.match(text, /"sealed":false/)
  assert.ok(await works(inner, token))
  await waiting.printed(/the root key is wrapped by the seals of the configuration/)
  await waiting.stop()
  await inner.start(file)
  assert.deepEqual(await statusOf(inner), { sealed: false, type: 'keyfile' })
  assert.ok(await works(inner, token))
}))
