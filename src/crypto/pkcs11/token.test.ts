/** Tokens, with a real PKCS #11 library: SoftHSM. What it signs and encrypts is verified and decrypted by OpenSSL. */
import assert from 'node:assert/strict'
import { constants, createPublicKey, randomBytes, verify } from 'node:crypto'
import { readdirSync, readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { TokenError, type TokenFailure } from './errors.ts'
import type { KeyName, TokenSettings, WrapTerms } from './messages.ts'
import { softHsmSkip, tokenProcesses, withSoftHsm, type SoftHsm } from './testing.ts'
import { Token } from './token.ts'

const named = (label: string): KeyName => ({ label, id: '' })
const isFailure = (failure: TokenFailure, pattern: RegExp) => (error: unknown): boolean => {
  assert.ok(error instanceof TokenError, String(error))
  assert.equal(error.failure, failure, error.message)
  assert.match(error.message, pattern)
  return true
}

/** Runs with a token over SoftHSM; afterwards its process is gone. */
const withToken = (work: (token: Token, hsm: SoftHsm) => Promise<void>, change: Partial<TokenSettings> = {}) => () => withSoftHsm(async (hsm) => {
  const token = new Token({ ...hsm.settings, ...change }, hsm.environment)
  try {
    await work(token, hsm)
  } finally {
    token.close()
  }
})

const terms = (change: Partial<WrapTerms> = {}): WrapTerms => ({ key: named('wrap'), mechanism: null, macKey: null, oaepHash: 'sha1', encryptsInToken: false, generates: true, ...change })
const context = Buffer.from('context')
const data = randomBytes(32)

const wrappings: readonly (readonly [string, Partial<WrapTerms>])[] = [
  ['AES-GCM', {}],
  ['AES-CBC with HMAC', { mechanism: 'AES_CBC_PAD', macKey: named('mac') }],
  ['RSA with OAEP, encrypted here', { mechanism: 'RSA_PKCS_OAEP' }],
  ['RSA with OAEP, encrypted by the token', { mechanism: 'RSA_PKCS_OAEP', encryptsInToken: true }],
]

for (const [name, change] of wrappings) {
  test(`${name}: what is wrapped comes back, and nothing else does`, { skip: softHsmSkip }, withToken(async (token) => {
    const wrapped = await token.call('wrap', { terms: terms(change), data, context })
    assert.ok(!Buffer.from(wrapped.ciphertext).includes(data))
    assert.deepEqual(Buffer.from(await token.call('unwrap', { wrapped, context })), data)
    const again = await token.call('wrap', { terms: terms({ ...change, generates: false }), data, context })
    assert.notDeepEqual(again.ciphertext, wrapped.ciphertext)
    const flipped = Uint8Array.from(wrapped.ciphertext, (byte, i) => (i === 3 ? byte ^ 1 : byte))
    await assert.rejects(token.call('unwrap', { wrapped: { ...wrapped, ciphertext: flipped }, context }), isFailure('foreign', /^C_Decrypt: CKR_|^the MAC/))
    if (wrapped.mechanism === 'RSA_PKCS_OAEP') return
    await assert.rejects(token.call('unwrap', { wrapped, context: Buffer.from('other') }), isFailure('foreign', /^C_Decrypt: CKR_|^the MAC/))
    const otherIv = Uint8Array.from(wrapped.iv, (byte, i) => (i === 0 ? byte ^ 1 : byte))
    await assert.rejects(token.call('unwrap', { wrapped: { ...wrapped, iv: otherIv }, context }), isFailure('foreign', /./))
  }))
}

test('what is asked too much is refused, and the token goes on', { skip: softHsmSkip }, withToken(async (token) => {
  await assert.rejects(token.call('wrap', { terms: terms({ generates: false }), data, context }), isFailure('absent', /^the token has no secret key with the label "wrap"$/))
  await assert.rejects(token.call('wrap', { terms: terms({ mechanism: 'AES_CBC_PAD' }), data, context }), isFailure('refused', /hmac_key_label/))
  await token.call('wrap', { terms: terms({ mechanism: 'RSA_PKCS_OAEP', key: named('rsa') }), data, context })
  const wrapped = await token.call('wrap', { terms: terms(), data, context })
  await assert.rejects(token.call('unwrap', { wrapped: { ...wrapped, key: { label: '', id: 'abcd' } }, context }), isFailure('absent', /with the id abcd$/))
  assert.deepEqual(Buffer.from(await token.call('unwrap', { wrapped, context })), data)
}))

const pairs = [['rsa', 2048], ['ec', 256], ['ec', 384], ['ec', 521], ['ed25519', 0]] as const

test('key pairs are made in the token, found again, and sign what OpenSSL verifies', { skip: softHsmSkip }, withToken(async (token) => {
  for (const [type, bits] of pairs) {
    const key: KeyName = { label: `${type} ${bits}`, id: 'a0b1' + bits.toString(16).padStart(4, '0') }
    assert.equal(await token.call('publicPart', { key }), null)
    const made = await token.call('generatePair', { key, type, bits })
    assert.deepEqual([made.type, made.bits], [type, bits])
    assert.deepEqual(await token.call('publicPart', { key: { label: '', id: key.id } }), made)
    assert.deepEqual(await token.call('generatePair', { key, type, bits }), made, 'it is not made twice')
    const publicKey = createPublicKey({ key: Buffer.from(made.spki), format: 'der', type: 'spki' })
    for (const isPss of type === 'rsa' ? [false, true] : [false]) {
      const hash = type === 'ed25519' ? null : 'sha512'
      const signature = await token.call('sign', { terms: { key, type, hash, isPss }, data })
      const padding = { padding: isPss ? constants.RSA_PKCS1_PSS_PADDING : constants.RSA_PKCS1_PADDING, saltLength: 64 }
      assert.ok(verify(hash, data, type === 'rsa' ? { key: publicKey, ...padding } : publicKey, signature), `${key.label} ${isPss}`)
    }
  }
}))

test('a token is found by its slot or its label, and a wrong one is said', { skip: softHsmSkip }, () => withSoftHsm(async (hsm) => {
  hsm.addToken('second')
  const [slot = '', other = ''] = hsm.slots()
  const tryWith = async (change: Partial<TokenSettings>): Promise<void> => {
    const token = new Token({ ...hsm.settings, ...change }, hsm.environment)
    try {
      await token.call('publicPart', { key: named('x') })
    } finally {
      token.close()
    }
  }
  for (const right of [{ label: 'second' }, { slot, label: null }, { slot: other, label: null }]) await tryWith(right)
  await assert.rejects(tryWith({ label: 'third' }), isFailure('away', /^there is no token with the label "third"$/))
  await assert.rejects(tryWith({ slot: '18446744073709551615', label: null }), isFailure('away', /^there is no token in slot 18446744073709551615$/))
  await assert.rejects(tryWith({ slot, label: 'third' }), isFailure('away', /does not have the label "third"$/))
  await assert.rejects(tryWith({ library: join(hsm.folder, 'none.so') }), isFailure('away', /^the library ".*none\.so" cannot be loaded$/))
  hsm.addToken('second')
  await assert.rejects(tryWith({ label: 'second' }), isFailure('refused', /^several tokens have the label "second": name the slot$/))
}))

test('a PIN that was refused is not sent a second time, nor shown', { skip: softHsmSkip }, withToken(async (token) => {
  await assert.rejects(token.call('publicPart', { key: named('x') }), isFailure('pin', /^C_Login: CKR_PIN_INCORRECT$/))
  await assert.rejects(token.call('publicPart', { key: named('x') }), isFailure('pin', /^C_Login: CKR_PIN_INCORRECT; it is not tried again before the next start$/))
  assert.equal(tokenProcesses().length, 0, 'no process was started for it')
}, { pin: 'wrong-pin' }))

test('when its process dies whoever waits is told, and the next call has a new one', { skip: softHsmSkip }, withToken(async (token) => {
  const key = named('slow')
  await token.call('generatePair', { key, type: 'ec', bits: 256 })
  const [child = 0] = tokenProcesses()
  const waiting = token.call('generatePair', { key: named('long'), type: 'rsa', bits: 4096 })
  process.kill(child, 'SIGKILL')
  await assert.rejects(waiting, isFailure('away', /^its process has ended \(SIGKILL\)$/))
  assert.ok(await token.call('publicPart', { key }))
  assert.notDeepEqual(tokenProcesses(), [child])
}))

test('a token that was taken away is away, and is back as soon as it is', { skip: softHsmSkip }, withToken(async (token, { folder }) => {
  const wrapped = await token.call('wrap', { terms: terms(), data, context })
  token.close()
  renameSync(join(folder, 'tokens'), join(folder, 'elsewhere'))
  await assert.rejects(token.call('unwrap', { wrapped, context }), isFailure('away', /./))
  renameSync(join(folder, 'elsewhere'), join(folder, 'tokens'))
  assert.deepEqual(Buffer.from(await token.call('unwrap', { wrapped, context })), data)
}))

test('neither arguments nor environment of the process show the PIN or credentials', { skip: softHsmSkip || (process.platform === 'linux' ? false : 'looks into /proc') }, () => withSoftHsm(async (hsm) => {
  const token = new Token(hsm.settings, { ...hsm.environment, VAULT_HSM_PIN: hsm.settings.pin, COFFER_TOKEN: 'hvs.secret' })
  await token.call('publicPart', { key: named('x') })
  const [child = 0] = tokenProcesses()
  for (const file of ['cmdline', 'environ']) {
    const text = readFileSync(`/proc/${child}/${file}`, 'latin1')
    assert.ok(text.length > 0 && !text.includes(hsm.settings.pin) && !text.includes('hvs.secret'), file)
  }
  token.close()
  assert.ok(readdirSync(join(hsm.folder, 'tokens')).length > 0)
}))
