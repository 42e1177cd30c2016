import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Store } from '../kit/store.ts'
import { memoryStore } from '../storage/memory.ts'
import { Barrier } from './barrier.ts'
import { initializeBarrier, type InitRequest } from './initialization.ts'
import { Rekey, type RekeyRequest, type RekeyResult } from './rekey.ts'
import { keyFileSeal } from './seals/key-file.ts'
import type { Seal } from './seals/seal.ts'
import { Unsealing, unsealBySeal } from './seals/unsealing.ts'

const none: InitRequest = { secretShares: 0, secretThreshold: 0, recoveryShares: 0, recoveryThreshold: 0 }
const request = (shares: number, threshold: number, more: Partial<RekeyRequest> = {}): RekeyRequest =>
  ({ shares, threshold, requireVerification: false, ...more })
const fileKey = Buffer.alloc(32, 9)
const fromHex = (hex: string | undefined): Buffer => Buffer.from(hex ?? '', 'hex')

interface World {
  readonly store: Store
  readonly barrier: Barrier
  readonly rekey: Rekey
  /** The n-th unseal or recovery share, a fresh copy. */
  readonly share: (index: number) => Buffer
}

async function createWorld(
  init: Partial<InitRequest>, automatic: Seal | null = null, kind: 'barrier' | 'recovery' = 'barrier',
): Promise<World> {
  const store = memoryStore()
  const barrier = new Barrier(store, { now: () => 0 })
  const { keys, recoveryKeys } = await initializeBarrier(barrier, { ...none, ...init }, automatic, async () => {
    await barrier.values.commit([], [{ put: 'k', value: Buffer.from('kept') }])
  })
  const shares = [...keys, ...recoveryKeys]
  if (automatic !== null) await unsealBySeal(barrier, automatic)
  else await unsealWith(barrier, keys)
  return { store, barrier, rekey: new Rekey(barrier, kind, automatic), share: (index) => Buffer.from(shares[index] ?? []) }
}

async function unsealWith(barrier: Barrier, shares: readonly Uint8Array[]): Promise<void> {
  const unsealing = new Unsealing(barrier)
  for (const share of shares) await unsealing.submit(Buffer.from(share))
}

/** Whether these shares unseal a fresh process, and what was stored is there. */
async function opens(store: Store, shares: readonly Uint8Array[]): Promise<boolean> {
  const barrier = new Barrier(store, { now: () => 0 })
  await unsealWith(barrier, shares).catch(() => undefined)
  return !barrier.isSealed && (await barrier.values.get('k'))?.value.toString() === 'kept'
}

const shamir = { secretShares: 3, secretThreshold: 2 }
const idle = {
  nonce: '', started: false, t: 0, n: 0, progress: 0, required: 2, pgp_fingerprints: null, backup: false, verification_required: false,
}

async function complete(rekey: Rekey, shares: readonly Buffer[]): Promise<RekeyResult> {
  const { nonce } = await rekey.status()
  for (const share of shares) {
    const answer = await rekey.update(share, nonce)
    if ('complete' in answer) return answer
  }
  assert.fail('the rekey did not complete')
}

test('rekeying goes as recorded, from start to new keys; then only the new ones open', async () => {
  const { store, barrier, rekey, share } = await createWorld(shamir)
  assert.deepEqual(await rekey.status(), idle)
  await assert.rejects(rekey.start(request(3, 1)), {
    code: 'bad_request', message: 'invalid rekey seal configuration: threshold must be greater than one for multiple shares',
  })
  const started = await rekey.start(request(1, 1))
  assert.deepEqual(started, { ...idle, nonce: started.nonce, started: true, t: 1, n: 1 })
  await assert.rejects(rekey.start(request(1, 1)), { message: 'rekey already in progress' })
  assert.deepEqual(await rekey.status(), started)
  await assert.rejects(rekey.update(share(0), 'wrong'), { message: /incorrect nonce/ })
  await rekey.cancel()
  await rekey.cancel()
  await assert.rejects(rekey.update(share(0), started.nonce), { message: 'no barrier rekey in progress' })

  const { nonce } = await rekey.start(request(1, 1))
  assert.notEqual(nonce, started.nonce)
  assert.deepEqual(await rekey.update(share(0), nonce), { ...started, nonce, progress: 1 })
  await assert.rejects(rekey.update(share(0), nonce), { message: /already been provided/ })
  const result = await rekey.update(share(2), nonce)
  assert.ok('complete' in result)
  assert.deepEqual({ ...result, keys: result.keys.length, keys_base64: result.keys_base64.length }, {
    nonce, complete: true, keys: 1, keys_base64: 1, pgp_fingerprints: null, backup: false, verification_required: false,
  })
  assert.deepEqual(await rekey.status(), { ...idle, required: 1 })
  assert.equal((await barrier.values.get('k'))?.value.toString(), 'kept', 'the barrier stays open')
  assert.ok(!(await opens(store, [share(0), share(1)])))
  assert.ok(await opens(store, [fromHex(result.keys[0])]))
})

test('wrong shares abort a rekey without harm, and it can be tried again', async () => {
  const { store, rekey, share } = await createWorld(shamir)
  await rekey.start(request(5, 3))
  const { nonce } = await rekey.status()
  await rekey.update(share(0), nonce)
  await assert.rejects(rekey.update(Buffer.alloc(33, 5), nonce), { code: 'bad_request', message: /keys are not valid/ })
  assert.equal((await rekey.status()).progress, 0)
  const { keys } = await complete(rekey, [share(1), share(2)])
  assert.equal(keys.length, 5)
  assert.ok(await opens(store, [keys[4], keys[0], keys[2]].map(fromHex)))
  assert.ok(!(await opens(store, [keys[4], keys[0]].map(fromHex))))
})

test('with verification, the old keys stay valid until enough of the new ones were shown', async () => {
  const { store, rekey, share } = await createWorld(shamir)
  await rekey.start(request(3, 2, { requireVerification: true }))
  await assert.rejects(rekey.verify(share(0), ''), { message: 'no rekey verification in progress' })
  const result = await complete(rekey, [share(0), share(1)])
  const fresh = result.keys.map(fromHex)
  const nonce = result.verification_nonce ?? ''
  assert.equal(result.verification_required, true)
  assert.equal((await rekey.status()).verification_nonce, nonce)
  assert.ok(await opens(store, [share(0), share(1)]))
  assert.ok(!(await opens(store, fresh.slice(0, 2))))
  await assert.rejects(rekey.update(share(0), result.nonce), { message: /verification must be performed/ })

  assert.deepEqual(await rekey.verifyStatus(), { nonce, started: true, t: 2, n: 3, progress: 0 })
  await assert.rejects(rekey.verify(Buffer.from(fresh[0] ?? []), 'wrong'), { message: /incorrect nonce/ })
  assert.equal((await rekey.verify(Buffer.from(fresh[0] ?? []), nonce) as { progress: number }).progress, 1)
  await assert.rejects(rekey.verify(Buffer.from(fresh[0] ?? []), nonce), { message: /already been provided/ })
  await assert.rejects(rekey.verify(share(0), nonce), { message: /verification failed/ })
  await rekey.verify(Buffer.from(fresh[0] ?? []), nonce)
  const restarted = await rekey.restartVerification()
  assert.notEqual(restarted.nonce, nonce)
  assert.equal(restarted.progress, 0)
  await rekey.verify(Buffer.from(fresh[2] ?? []), restarted.nonce)
  assert.deepEqual(await rekey.verify(Buffer.from(fresh[1] ?? []), restarted.nonce), { nonce: restarted.nonce, complete: true })
  assert.ok(await opens(store, fresh.slice(0, 2)))
  assert.ok(!(await opens(store, [share(0), share(1)])))
  assert.equal((await rekey.status()).started, false)
})

test('a rekey that is cancelled while it waits for verification changes nothing', async () => {
  const { store, rekey, share } = await createWorld(shamir)
  await rekey.start(request(1, 1, { requireVerification: true }))
  const result = await complete(rekey, [share(0), share(1)])
  await rekey.cancel()
  await assert.rejects(rekey.verify(fromHex(result.keys[0]), result.verification_nonce ?? ''), { message: /no barrier rekey/ })
  assert.ok(await opens(store, [share(0), share(1)]))
})

test('a rekey that somebody else began can be cancelled with its nonce only, if a nonce is given (CVE-2025-4656)', async () => {
  const { rekey } = await createWorld(shamir)
  const { nonce } = await rekey.start(request(1, 1))
  await assert.rejects(rekey.cancel('guessed'), { code: 'bad_request' })
  assert.ok((await rekey.status()).started)
  await rekey.cancel(nonce)
  assert.ok(!(await rekey.status()).started)
})

test('sealing ends a rekey that is under way', async () => {
  const { barrier, rekey, share } = await createWorld(shamir)
  const { nonce } = await rekey.start(request(1, 1))
  await rekey.update(share(0), nonce)
  barrier.seal()
  for (const work of [
    () => rekey.status(), () => rekey.update(share(1), nonce), () => rekey.start(request(1, 1)), () => rekey.cancel(),
    () => rekey.verifyStatus(),
  ]) await assert.rejects(work(), { code: 'sealed' })
  await unsealWith(barrier, [share(0), share(1)])
  assert.deepEqual(await rekey.status(), idle)
})

test('an automatic seal is rekeyed with the recovery keys, and shows no new keys', async () => {
  const automatic = keyFileSeal(fileKey)
  const { store, barrier, rekey, share } = await createWorld({ recoveryShares: 3, recoveryThreshold: 2 }, automatic)
  await assert.rejects(rekey.start(request(1, 1, { requireVerification: true })), { code: 'bad_request' })
  await rekey.start(request(5, 3))
  assert.deepEqual([(await rekey.status()).t, (await rekey.status()).n, (await rekey.status()).required], [1, 1, 2])
  const { nonce } = await rekey.status()
  await rekey.update(share(0), nonce)
  await assert.rejects(rekey.update(Buffer.alloc(33, 5), nonce), { message: /not valid/ })
  const before = barrier.exportRootKey()
  const { keys } = await complete(rekey, [share(0), share(2)])
  assert.deepEqual(keys, [])
  assert.notDeepEqual(barrier.exportRootKey(), before)
  await unsealBySeal(new Barrier(store, { now: () => 0 }), automatic)
  assert.deepEqual((await barrier.readSeal())?.recovery, { shares: 3, threshold: 2 })
})

test('recovery keys are rekeyed with themselves; a Shamir seal has none', async () => {
  const automatic = keyFileSeal(fileKey)
  const { barrier, rekey, share } = await createWorld({ recoveryShares: 3, recoveryThreshold: 2 }, automatic, 'recovery')
  await rekey.start(request(2, 2))
  const { keys } = await complete(rekey, [share(0), share(1)])
  assert.deepEqual((await barrier.readSeal())?.recovery, { shares: 2, threshold: 2 })
  await rekey.start(request(1, 1))
  await assert.rejects(complete(rekey, [share(0), share(1)]), { message: /not valid/ })
  await complete(rekey, keys.map(fromHex))
  assert.deepEqual((await barrier.readSeal())?.recovery, { shares: 1, threshold: 1 })
  const other = await createWorld(shamir, null, 'recovery')
  await assert.rejects(other.rekey.start(request(1, 1)), { code: 'bad_request', message: 'recovery rekeying not supported' })
})

test('a server with a key file and no recovery keys moves to Shamir shares by showing the key, and back', async () => {
  const automatic = keyFileSeal(fileKey)
  const { store, barrier, rekey } = await createWorld({}, automatic)
  assert.equal((await rekey.status()).required, 1)
  await rekey.start(request(3, 2, { sealType: 'shamir' }))
  await assert.rejects(complete(rekey, [Buffer.alloc(32, 1)]), { message: /not valid/ })
  const { keys } = await complete(rekey, [Buffer.from(fileKey)])
  assert.equal((await barrier.readSeal())?.type, 'shamir')
  assert.ok(await opens(store, keys.slice(0, 2).map(fromHex)))
  await assert.rejects(unsealBySeal(new Barrier(store, { now: () => 0 }), automatic), { message: /sealed by a "shamir" seal/ })

  await assert.rejects(rekey.start(request(1, 1, { sealType: 'hsm' })), { code: 'bad_request', message: /no seal of the type "hsm"/ })
  await rekey.start(request(1, 1, { sealType: 'keyfile' }))
  await complete(rekey, keys.slice(0, 2).map(fromHex))
  await unsealBySeal(new Barrier(store, { now: () => 0 }), automatic)
  assert.deepEqual((await barrier.readSeal())?.recovery, { shares: 3, threshold: 2 }, 'the shares are those of the recovery key from now on')
  assert.equal((await rekey.status()).required, 2)
  const lost = new Unsealing(new Barrier(store, { now: () => 0 }))
  await lost.submit(fromHex(keys[2] ?? ''))
  assert.equal((await lost.submit(fromHex(keys[0] ?? ''))).sealed, false)
  await rekey.start(request(1, 1, { sealType: 'shamir' }))
  const [back = ''] = (await complete(rekey, keys.slice(1, 3).map(fromHex))).keys
  assert.ok(await opens(store, [fromHex(back)]))
})

test('a rekey whose commit fails leaves the old keys valid', async () => {
  const { store, barrier, share } = await createWorld(shamir)
  const broken = new Barrier({ ...store, commit: () => Promise.reject(new Error('disk full')) }, { now: () => 0 })
  await broken.unseal(barrier.exportRootKey())
  const rekey = new Rekey(broken, 'barrier', null)
  await rekey.start(request(1, 1))
  await assert.rejects(complete(rekey, [share(0), share(1)]), { message: 'disk full' })
  assert.ok(await opens(store, [share(0), share(1)]))
})
