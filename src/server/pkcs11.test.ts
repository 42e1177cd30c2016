/** Servers that a token of PKCS #11 unseals: SoftHSM, which keeps its tokens in a folder that can be taken away. */
import assert from 'node:assert/strict'
import { renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { softHsmIn, softHsmSkip, type SoftHsm } from '../crypto/pkcs11/testing.ts'
import { ask, inPlace, type Place, type RunningServer } from './testing/process.ts'
import { initialize, innerIn, newKeyFile, statusOf, untilOpen, works, type Inner } from './testing/sealed-server.ts'

interface WithToken {
  readonly place: Place
  readonly hsm: SoftHsm
  readonly inner: Inner
  /** A block of the configuration. */
  readonly block: (change?: Readonly<Record<string, string | null>>) => string
}

/** A server beside a token; at the end no process has printed the PIN. */
const withToken = (work: (given: WithToken) => Promise<void>) => () => inPlace(async (place) => {
  const hsm = softHsmIn(place.folder)
  const started: RunningServer[] = []
  const environment = { SOFTHSM2_CONF: hsm.environment['SOFTHSM2_CONF'] }
  const inner = await innerIn({
    ...place,
    async started(args, options) {
      const server = await place.started(args, { ...options, environment })
      started.push(server)
      return server
    },
  })
  const { library, label, pin } = hsm.settings
  const block: WithToken['block'] = (change = {}) => {
    const values = { lib: library, token_label: label, pin, key_label: 'unseal', generate_key: 'true', ...change }
    return `seal "pkcs11" {\n${Object.entries(values).filter(([, value]) => value !== null).map(([key, value]) => ` ${key} = "${value}"`).join('\n')}\n}`
  }
  await work({ place, hsm, inner, block })
  for (const server of started) assert.ok(!(server.out() + server.err()).includes(pin))
})
const skip = softHsmSkip

const ways = [{}, { mechanism: 'CKM_RSA_PKCS_OAEP', rsa_oaep_hash: 'sha1' }, { mechanism: '0x1085', hmac_key_label: 'mac' }]
for (const way of ways) {
  test(`a token unseals the server at each start: ${JSON.stringify(way)}`, { skip }, withToken(async ({ inner, block }) => {
    const first = await inner.start(block(way))
    const { token } = await initialize(inner)
    assert.deepEqual(await statusOf(inner), { sealed: false, type: 'pkcs11' })
    await first.stop()
    await inner.start(block({ ...way, generate_key: null }))
    assert.ok(await works(inner, token))
  }))
}

test('two workers of a server are unsealed by a token in a slot', { skip }, withToken(async ({ hsm, inner, block }) => {
  const at = { slot: `0x${BigInt(hsm.slots()[0] ?? '').toString(16)}`, token_label: null }
  const first = await inner.start(block(at), 'workers = 2')
  const { token } = await initialize(inner)
  await first.stop()
  await inner.start(block(at), 'workers = 2')
  for (let i = 0; i < 4; i++) assert.ok(await works(inner, token))
}))

test('while the token is away the server waits sealed, and goes on by itself when it is back', { skip }, withToken(async ({ hsm, inner, block }) => {
  const first = await inner.start(block())
  const { token } = await initialize(inner)
  await first.stop()
  renameSync(join(hsm.folder, 'tokens'), join(hsm.folder, 'away'))
  const waiting = await inner.start(block())
  await waiting.printed(/the seal cannot be reached; the server stays sealed and tries again.*PKCS #11: /)
  assert.deepEqual(await statusOf(inner), { sealed: true, type: 'pkcs11' })
  renameSync(join(hsm.folder, 'away'), join(hsm.folder, 'tokens'))
  await untilOpen(inner, token)
}))

test('a wrong PIN is tried once, however long the server waits', { skip }, withToken(async ({ inner, block }) => {
  const first = await inner.start(block())
  await initialize(inner)
  await first.stop()
  const waiting = await inner.start(block({ pin: 'another-pin' }))
  await waiting.printed(/PKCS #11: C_Login: CKR_PIN_INCORRECT(?!;)/)
  await waiting.printed(/PKCS #11: C_Login: CKR_PIN_INCORRECT; it is not tried again before the next start/)
  await pause(100)
  assert.equal(waiting.out().split(/CKR_PIN_INCORRECT(?!;)/).length, 2)
  assert.ok(!(waiting.out() + waiting.err()).includes('another-pin'))
}))

test('a new label of the key: the old one opens the store once more, and from then on is not needed', { skip }, withToken(async ({ inner, block }) => {
  const first = await inner.start(block())
  const { token } = await initialize(inner)
  await first.stop()
  const both = await inner.start(block({ key_label: 'newer' }))
  assert.ok(await works(inner, token))
  await both.printed(/the root key is wrapped by the seals of the configuration/)
  await both.stop()
  const third = await inner.start(block({ key_label: 'newer', generate_key: null }))
  assert.ok(await works(inner, token))
  await pause(1_500) // it looks once a second
  assert.ok(!third.out().includes('the root key is wrapped by the seals of the configuration'), 'nothing is left to do')
}))

test('a store moves from shares to a token, and with the same shares back', { skip }, withToken(async ({ inner, block }) => {
  const shares = await inner.start()
  const { text } = await ask(`${inner.base}/sys/init`, { method: 'PUT', body: { secret_shares: 1, secret_threshold: 1 } })
  const { root_token: token, keys: [key = ''] } = JSON.parse(text) as { root_token: string; keys: string[] }
  await shares.stop()
  const unseal = (share: string) => ask(`${inner.base}/sys/unseal`, { method: 'PUT', body: { key: share } })
  const rekey = async (with_: string, terms: object): Promise<{ readonly keys?: string[] }> => {
    const started = await ask(`${inner.base}/sys/rekey/init`, { method: 'PUT', token, body: terms })
    const { nonce } = JSON.parse(started.text) as { nonce: string }
    const done = await ask(`${inner.base}/sys/rekey/update`, { method: 'PUT', token, body: { key: with_, nonce } })
    assert.equal(done.status, 200, started.text + done.text)
    return JSON.parse(done.text) as { readonly keys?: string[] }
  }
  const both = await inner.start(block())
  assert.match((await unseal(key)).text, /"sealed":false/)
  await rekey(key, { seal_type: 'pkcs11' })
  await both.stop()
  const byToken = await inner.start(block())
  assert.deepEqual(await statusOf(inner), { sealed: false, type: 'pkcs11' })
  assert.ok(await works(inner, token))
  // Whoever held shares of the unseal key holds those of the recovery key now.
  const { keys: [back = ''] = [] } = await rekey(key, { seal_type: 'shamir', secret_shares: 1, secret_threshold: 1 })
  await byToken.stop()
  await inner.start()
  assert.match((await unseal(back)).text, /"sealed":false/)
  assert.ok(await works(inner, token))
}))

test('when the token is lost for good, the holders of recovery keys open the store', { skip }, withToken(async ({ place, hsm, inner, block }) => {
  const first = await inner.start(block())
  const { token, recovery } = await initialize(inner)
  await first.stop()
  rmSync(join(hsm.folder, 'tokens'), { recursive: true })
  const file = newKeyFile(place)
  const waiting = await inner.start(file)
  await waiting.printed(/the server stays sealed until the holders of recovery keys unseal it/)
  assert.match((await ask(`${inner.base}/sys/unseal`, { method: 'PUT', body: { key: recovery } })).text, /"sealed":false/)
  assert.ok(await works(inner, token))
}))
