import assert from 'node:assert/strict'
import { test } from 'node:test'
import { memoryStore } from '../storage/memory.ts'
import { Barrier } from './barrier.ts'
import { decodeToken, encodeToken, GenerateRoot } from './generate-root.ts'
import { initializeBarrier, type InitRequest } from './initialization.ts'
import { keyFileSeal } from './seals/key-file.ts'
import type { Seal } from './seals/seal.ts'
import { Unsealing, unsealBySeal } from './seals/unsealing.ts'

const none: InitRequest = { secretShares: 0, secretThreshold: 0, recoveryShares: 0, recoveryThreshold: 0 }
const token = 'hvs.ABCDEFGHIJKLMNOPQRSTUVWX'
const fileKey = Buffer.alloc(32, 9)

async function createWorld(init: Partial<InitRequest>, automatic: Seal | null = null) {
  const barrier = new Barrier(memoryStore(), { now: () => 0 })
  const { keys, recoveryKeys } = await initializeBarrier(barrier, { ...none, ...init }, automatic, async () => {})
  if (automatic !== null) await unsealBySeal(barrier, automatic)
  else {
    const unsealing = new Unsealing(barrier)
    for (const key of keys) await unsealing.submit(Buffer.from(key))
  }
  const issued: string[] = []
  const issueToken = async (): Promise<string> => {
    issued.push(token)
    return token
  }
  const shares = [...keys, ...recoveryKeys]
  const generateRoot = new GenerateRoot(barrier, { tokenLength: token.length, issueToken })
  return { barrier, issued, generateRoot, share: (index: number) => Buffer.from(shares[index] ?? []) }
}

const shamir = { secretShares: 3, secretThreshold: 2 }
const idle = {
  nonce: '', started: false, progress: 0, required: 2, complete: false, encoded_token: '', encoded_root_token: '', pgp_fingerprint: '',
  otp: '', otp_length: 28,
}

test('a root token is generated as recorded, and only the one-time pad opens it', async () => {
  const { generateRoot, issued, share } = await createWorld(shamir)
  assert.deepEqual(await generateRoot.status(), idle)
  const started = await generateRoot.start({})
  assert.match(started.otp, /^[0-9A-Za-z]{28}$/)
  assert.deepEqual(started, { ...idle, nonce: started.nonce, started: true, otp: started.otp })
  await assert.rejects(generateRoot.start({}), { message: 'root generation already in progress' })
  assert.deepEqual(await generateRoot.status(), { ...started, otp: '' })
  for (const nonce of ['wrong', '']) await assert.rejects(generateRoot.update(share(0), nonce), { message: /incorrect nonce/ })

  const { nonce } = started
  assert.deepEqual(await generateRoot.update(share(0), nonce), { ...idle, nonce, started: true, progress: 1, otp_length: 0 })
  await assert.rejects(generateRoot.update(share(0), nonce), { message: /already been provided/ })
  assert.deepEqual(issued, [])
  const done = await generateRoot.update(share(1), nonce)
  assert.deepEqual(done, {
    ...idle, nonce, started: true, progress: 2, complete: true, otp_length: 0,
    encoded_token: done.encoded_token, encoded_root_token: done.encoded_token,
  })
  assert.equal(decodeToken(done.encoded_token, started.otp), token)
  assert.deepEqual(issued, [token])
  assert.deepEqual(await generateRoot.status(), idle)
  await assert.rejects(generateRoot.update(share(0), nonce), { message: 'no root generation in progress' })
})

test('an own one-time pad must have the length of a token, and is not shown again', async () => {
  const { generateRoot, share } = await createWorld(shamir)
  await assert.rejects(generateRoot.start({ otp: 'short' }), { code: 'bad_request', message: 'OTP string is wrong length' })
  const otp = 'x'.repeat(28)
  const { nonce, otp: shown } = await generateRoot.start({ otp })
  assert.equal(shown, '')
  await generateRoot.update(share(2), nonce)
  assert.equal(decodeToken((await generateRoot.update(share(0), nonce)).encoded_token, otp), token)
})

test('wrong shares give no token', async () => {
  const { generateRoot, issued, share } = await createWorld(shamir)
  const { nonce } = await generateRoot.start({})
  await generateRoot.update(share(0), nonce)
  await assert.rejects(generateRoot.update(Buffer.alloc(33, 3), nonce), { code: 'bad_request', message: /keys are not valid/ })
  assert.equal((await generateRoot.status()).progress, 0)
  assert.deepEqual(issued, [])
})

test('an attempt can be cancelled, repeatedly, and sealing ends it', async () => {
  const { barrier, generateRoot, share } = await createWorld(shamir)
  const { nonce } = await generateRoot.start({})
  await assert.rejects(generateRoot.cancel('guessed'), { code: 'bad_request' })
  await generateRoot.cancel()
  await generateRoot.cancel()
  await assert.rejects(generateRoot.update(share(0), nonce), { message: 'no root generation in progress' })
  await generateRoot.start({})
  barrier.seal()
  await assert.rejects(generateRoot.status(), { code: 'sealed' })
})

test('recovery keys generate a root token under an automatic seal; without any, the content of the key file does', async () => {
  const recoverable = await createWorld({ recoveryShares: 2, recoveryThreshold: 2 }, keyFileSeal(fileKey))
  const first = await recoverable.generateRoot.start({})
  await recoverable.generateRoot.update(recoverable.share(0), first.nonce)
  assert.ok((await recoverable.generateRoot.update(recoverable.share(1), first.nonce)).complete)

  const plain = await createWorld({}, keyFileSeal(fileKey))
  const second = await plain.generateRoot.start({})
  assert.equal(second.required, 1)
  await assert.rejects(plain.generateRoot.update(Buffer.alloc(32, 1), second.nonce), { message: /not valid/ })
  assert.ok((await plain.generateRoot.update(Buffer.from(fileKey), second.nonce)).complete)

  const other: Seal = { ...keyFileSeal(fileKey), type: 'hsm' }
  const hopeless = await createWorld({}, other)
  await assert.rejects(hopeless.generateRoot.start({}), { code: 'bad_request', message: /no recovery keys/ })
})

test('a token under a pad is base64 without padding; what is not is refused', () => {
  assert.equal(decodeToken('AAAA', 'abc'), 'abc')
  assert.equal(encodeToken('abcd', 'abcd'), 'AAAAAA')
  assert.equal(decodeToken('AAAAAA==', 'abcd'), 'abcd')
  assert.throws(() => decodeToken('%%%', 'abc'), { code: 'bad_request' })
  assert.throws(() => decodeToken('AAAA', 'abcd'), { code: 'bad_request' })
})
