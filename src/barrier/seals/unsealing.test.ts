import assert from 'node:assert/strict'
import { test } from 'node:test'
import { memoryStore } from '../../storage/memory.ts'
import { Barrier } from '../barrier.ts'
import { initializeBarrier, type InitRequest } from '../initialization.ts'
import { keyFileSeal } from './key-file.ts'
import { encodeShares, parseShare } from './shamir.ts'
import { unsealBySeal, Unsealing } from './unsealing.ts'

const none: InitRequest = { secretShares: 0, secretThreshold: 0, recoveryShares: 0, recoveryThreshold: 0 }
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

async function createSealed(shares: number, threshold: number) {
  const store = memoryStore()
  const barrier = new Barrier(store, { now: () => 0 })
  const { keys } = await initializeBarrier(barrier, { ...none, secretShares: shares, secretThreshold: threshold }, null, async () => {})
  const share = (index: number): Buffer => Buffer.from(keys[index] ?? [])
  return { store, barrier, keys, share, unsealing: new Unsealing(barrier) }
}

test('an initialisation with impossible shares is refused with the words that clients know', async () => {
  const refused: [Partial<InitRequest>, string][] = [
    [{ secretShares: 2, secretThreshold: 3 }, 'invalid seal configuration: threshold cannot be larger than shares'],
    [{ secretShares: 3, secretThreshold: 1 }, 'invalid seal configuration: threshold must be greater than one for multiple shares'],
    [{}, 'invalid seal configuration: shares must be at least one'],
    [{ secretShares: -1, secretThreshold: 1 }, 'invalid seal configuration: shares must be at least one'],
    [{ secretShares: 1.5, secretThreshold: 1 }, 'invalid seal configuration: shares must be at least one'],
    [{ secretShares: 3 }, 'invalid seal configuration: threshold must be at least one'],
    [{ secretShares: 256, secretThreshold: 2 }, 'invalid seal configuration: shares must be less than 256'],
    [{ recoveryShares: 3, recoveryThreshold: 2 }, 'parameters recovery_shares,recovery_threshold not applicable to seal type shamir'],
  ]
  const barrier = new Barrier(memoryStore(), { now: () => 0 })
  for (const [request, message] of refused) {
    await assert.rejects(initializeBarrier(barrier, { ...none, ...request }, null, async () => {}), { code: 'bad_request', message })
  }
  const automatic = keyFileSeal(Buffer.alloc(32))
  await assert.rejects(initializeBarrier(barrier, { ...none, secretShares: 1, secretThreshold: 1 }, automatic, async () => {}), {
    message: 'parameters secret_shares,secret_threshold not applicable to seal type keyfile',
  })
  assert.equal(await barrier.isInitialized(), false)
})

test('before the initialisation the status says so, and no share is taken', async () => {
  const unsealing = new Unsealing(new Barrier(memoryStore(), { now: () => 0 }))
  assert.deepEqual(await unsealing.status(), {
    type: 'shamir', initialized: false, sealed: true, t: 0, n: 0, progress: 0, nonce: '', migration: false, recovery_seal: false,
  })
  await assert.rejects(unsealing.submit(Buffer.alloc(33, 1)), { code: 'bad_request', message: 'Vault is not initialized' })
  await assert.rejects(unsealing.reset(), { code: 'bad_request' })
})

test('unsealing goes as recorded: progress, the same share twice, reset, and the status when it is done', async () => {
  const { barrier, keys, share, unsealing } = await createSealed(3, 2)
  assert.deepEqual(keys.map(({ length }) => length), [33, 33, 33])
  const sealed = {
    type: 'shamir', initialized: true, sealed: true, t: 2, n: 3, progress: 0, nonce: '', migration: false, recovery_seal: false,
  }
  assert.deepEqual(await unsealing.status(), sealed)
  const first = await unsealing.submit(share(0))
  assert.match(first.nonce, uuid)
  assert.deepEqual(first, { ...sealed, progress: 1, nonce: first.nonce })
  assert.deepEqual(await unsealing.submit(share(0)), first)
  assert.deepEqual(await unsealing.status(), first)
  assert.deepEqual(await unsealing.reset(), sealed)
  const again = await unsealing.submit(share(2))
  assert.notEqual(again.nonce, first.nonce)
  assert.deepEqual(await unsealing.submit(share(1)), { ...sealed, sealed: false })
  assert.ok(!barrier.isSealed)
  assert.deepEqual(await unsealing.submit(share(0)), { ...sealed, sealed: false })
})

test('complete but wrong shares fail clearly, and all have to be given again', async () => {
  const { barrier, share, unsealing } = await createSealed(3, 2)
  const wrong = share(1)
  wrong[3] = (wrong[3] as number) ^ 1
  await unsealing.submit(share(0))
  await assert.rejects(unsealing.submit(wrong), { code: 'bad_request', message: 'Unseal failed, invalid key' })
  assert.deepEqual([(await unsealing.status()).progress, (await unsealing.status()).nonce], [0, ''])
  // The same place twice, with different values, is no pair of shares at all.
  const twin = share(0)
  twin[0] = (twin[0] as number) ^ 1
  await unsealing.submit(share(0))
  await assert.rejects(unsealing.submit(twin), { code: 'bad_request', message: 'Unseal failed, invalid key' })
  await unsealing.submit(share(0))
  await assert.rejects(unsealing.submit(Buffer.alloc(20, 1)), { code: 'bad_request', message: 'Unseal failed, invalid key' })
  await unsealing.submit(share(0))
  await unsealing.submit(share(2))
  assert.ok(!barrier.isSealed)
})

test('a key that is not split is its only share, of 32 bytes', async () => {
  const { barrier, keys, share, unsealing } = await createSealed(1, 1)
  assert.equal(keys[0]?.length, 32)
  await assert.rejects(unsealing.submit(Buffer.alloc(33, 1)), { message: 'Unseal failed, invalid key' })
  await unsealing.submit(share(0))
  assert.ok(!barrier.isSealed)
})

test('shares that arrive at once are taken one after the other', async () => {
  const { barrier, share, unsealing } = await createSealed(5, 4)
  const statuses = await Promise.all([0, 1, 1, 2, 4].map((index) => unsealing.submit(share(index))))
  assert.deepEqual(statuses.map(({ progress }) => progress), [1, 2, 2, 3, 0])
  assert.ok(!barrier.isSealed)
})

test('shares are wiped once they are used or refused', async () => {
  const { share, unsealing } = await createSealed(2, 2)
  const [one, same, other] = [share(0), share(0), share(1)]
  for (const each of [one, same, other]) await unsealing.submit(each)
  for (const each of [one, same, other]) assert.ok(each.every((byte) => byte === 0))
})

test('an automatic seal without recovery keys takes no shares', async () => {
  const barrier = new Barrier(memoryStore(), { now: () => 0 })
  await initializeBarrier(barrier, none, keyFileSeal(Buffer.alloc(32)), async () => {})
  await assert.rejects(new Unsealing(barrier).submit(Buffer.alloc(33, 1)), { code: 'bad_request', message: /unseals without keys/ })
})

/** Under an automatic seal, with recovery keys. */
async function createRecoverable() {
  const store = memoryStore()
  const barrier = new Barrier(store, { now: () => 0 })
  const seal = keyFileSeal(Buffer.alloc(32))
  const { recoveryKeys } = await initializeBarrier(barrier, { ...none, recoveryShares: 3, recoveryThreshold: 2 }, seal, async () => {})
  return { store, barrier, seal, recoveryKeys }
}

test('recovery keys recover: they unseal when the seal that needs nobody is lost', async () => {
  const { barrier, recoveryKeys } = await createRecoverable()
  const unsealing = new Unsealing(barrier)
  assert.deepEqual(await unsealing.status(), {
    type: 'keyfile', initialized: true, sealed: true, t: 2, n: 3, progress: 0, nonce: '', migration: false, recovery_seal: true,
  })
  assert.equal((await unsealing.submit(Buffer.from(recoveryKeys[2] ?? []))).progress, 1)
  await assert.rejects(unsealing.submit(Buffer.alloc(33, 1)), { message: 'Unseal failed, invalid key' })
  await unsealing.submit(Buffer.from(recoveryKeys[0] ?? []))
  assert.equal((await unsealing.submit(Buffer.from(recoveryKeys[1] ?? []))).sealed, false)
})

test('recovery keys open what a later root key protects, and old ones open nothing any more', async () => {
  const { store, barrier, seal, recoveryKeys } = await createRecoverable()
  await unsealBySeal(barrier, seal)
  await barrier.rekey({ seal, config: { shares: 0, threshold: 0 } })
  const unseal = async (keys: readonly Uint8Array[]): Promise<boolean> => {
    const fresh = new Barrier(store, { now: () => 0 })
    const unsealing = new Unsealing(fresh)
    for (const key of keys) await unsealing.submit(Buffer.from(key)).catch(() => undefined)
    return !fresh.isSealed
  }
  assert.ok(await unseal(recoveryKeys.slice(0, 2)), 'after a rekey')
  const key = Buffer.alloc(32, 9)
  await barrier.rekeyRecovery({ key, config: { shares: 1, threshold: 1 } })
  assert.deepEqual([await unseal(recoveryKeys.slice(0, 2)), await unseal([key])], [false, true], 'after a rekey of the recovery key')
  await barrier.rekey({ seal, config: { shares: 0, threshold: 0 } })
  assert.ok(await unseal([key]))
})

test('a share is taken in hex and in base64, and nothing else', () => {
  const share = Buffer.from(Array.from({ length: 33 }, (_, index) => index * 7))
  const { keys, keys_base64: base64 } = encodeShares([share])
  assert.deepEqual(parseShare(keys[0] ?? ''), share)
  assert.deepEqual(parseShare((keys[0] ?? '').toUpperCase()), share)
  assert.deepEqual(parseShare(base64[0] ?? ''), share)
  // 44 characters of base64 that are all hex digits, too: hex of 22 bytes would be plausible as well, and is taken first.
  assert.equal(parseShare('ab'.repeat(22)).length, 22)
  for (const text of ['%%%', 'abc', '', 'zz'.repeat(33), ' ' + (keys[0] ?? '')]) {
    assert.throws(() => parseShare(text), { code: 'bad_request', message: "'key' must be a valid hex or base64 string" }, text)
  }
  for (const text of ['abcd', 'AAAA', 'ab'.repeat(34)]) {
    assert.throws(() => parseShare(text), { code: 'bad_request', message: /at (least|most)/ }, text)
  }
})
