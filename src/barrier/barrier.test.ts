import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Store } from '../kit/store.ts'
import { commitTogether } from '../storage/layered.ts'
import { memoryStore } from '../storage/memory.ts'
import { seededRandom } from '../storage/seeded.ts'
import { Barrier } from './barrier.ts'
import { defaultRotation, operationCountMax } from './keyring-record.ts'
import { shamirSeal } from './seals/shamir.ts'
import { unsealBySeal } from './seals/unsealing.ts'

const bytes = (text: string): Buffer => Buffer.from(text)
const seal = shamirSeal(Buffer.alloc(32, 1))
const config = { shares: 1, threshold: 1 }

interface Clock {
  now: number
}

const openBarrier = (store: Store, clock: Clock = { now: 1_000 }): Barrier => new Barrier(store, { now: () => clock.now })

async function createBarrier(store = memoryStore(), clock?: Clock): Promise<Barrier> {
  const barrier = openBarrier(store, clock)
  await barrier.initialize({ seal, config }, null, async () => {})
  await unsealBySeal(barrier, seal)
  return barrier
}

/** Another process over the same store. */
async function joinBarrier(store: Store, clock?: Clock): Promise<Barrier> {
  const barrier = openBarrier(store, clock)
  await unsealBySeal(barrier, seal)
  return barrier
}

async function allKeys(store: Store, prefix = ''): Promise<string[]> {
  const keys: string[] = []
  for (const name of await store.list(prefix)) keys.push(...(name.endsWith('/') ? await allKeys(store, prefix + name) : [prefix + name]))
  return keys
}


test('before the initialisation nothing is sealed away and nothing opens', async () => {
  const barrier = openBarrier(memoryStore())
  assert.equal(await barrier.isInitialized(), false)
  assert.equal(await barrier.readSeal(), null)
  assert.ok(barrier.isSealed)
  await assert.rejects(barrier.unseal(Buffer.alloc(32)), { code: 'bad_request', message: 'Vault is not initialized' })
})

test('what is written during the initialisation is there after unsealing, and the barrier is sealed in between', async () => {
  const store = memoryStore()
  const barrier = openBarrier(store)
  const made = await barrier.initialize({ seal, config }, null, async () => {
    assert.ok(barrier.isSealed, 'nobody else may take it for unsealed')
    await barrier.tree('ns-root').commit([], [{ put: 'policies/root', value: bytes('all') }])
    await barrier.values.commit([], [{ put: 'core/token', value: bytes('first') }])
    await barrier.values.commit([], [{ put: 'core/token', value: bytes('second') }])
    return barrier.subkey('token').export().toString('hex')
  })
  assert.ok(barrier.isSealed)
  assert.equal(await store.lastCommit(), 1, 'one commit did it all')
  await assert.rejects(barrier.values.get('core/token'), { code: 'sealed' })
  await unsealBySeal(barrier, seal)
  assert.equal((await barrier.values.get('core/token'))?.value.toString(), 'second')
  assert.deepEqual(await barrier.tree('ns-root').list('policies/'), ['root'])
  assert.equal(barrier.subkey('token').export().toString('hex'), made)
  assert.deepEqual(await barrier.checkTree('ns-root'), [])
})

test('an initialisation that fails, or is killed before its commit, leaves an empty store that can be initialised', async () => {
  const store = memoryStore()
  const barrier = openBarrier(store)
  const failing = barrier.initialize({ seal, config }, null, async () => {
    await barrier.values.commit([], [{ put: 'core/token', value: bytes('lost') }])
    throw new Error('killed')
  })
  await assert.rejects(failing, { message: 'killed' })
  const dying = openBarrier({ ...store, commit: () => Promise.reject(new Error('power cut')) })
  await assert.rejects(dying.initialize({ seal, config }, null, async () => {}), { message: 'power cut' })
  assert.deepEqual(await allKeys(store), [])
  await barrier.initialize({ seal, config }, null, async () => {})
  await unsealBySeal(barrier, seal)
})

test('of several initialisations, also in several processes, one succeeds', async () => {
  const store = memoryStore()
  const [one, other] = [openBarrier(store), openBarrier(store)]
  const aTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
  const attempt = (barrier: Barrier): Promise<void> => barrier.initialize({ seal, config }, null, aTurn)
  const outcomes = await Promise.allSettled([attempt(one), attempt(one), attempt(other)])
  assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1)
  for (const outcome of outcomes) if (outcome.status === 'rejected') assert.equal(outcome.reason.message, 'Vault is already initialized')
  await unsealBySeal(one, seal)
  await assert.rejects(attempt(one), { code: 'bad_request', message: 'Vault is already initialized' })
  assert.ok(!one.isSealed, 'a refused initialisation changes nothing')
})

test('a wrong root key does not unseal', async () => {
  const store = memoryStore()
  await createBarrier(store)
  const barrier = openBarrier(store)
  for (const key of [Buffer.alloc(32), Buffer.alloc(0), Buffer.alloc(33)]) {
    await assert.rejects(barrier.unseal(key), { code: 'bad_request', message: 'Unseal failed, invalid key' })
  }
  assert.ok(barrier.isSealed)
})

test('sealed, the barrier gives nothing: no value, no name, no key', async () => {
  const barrier = await createBarrier()
  const tree = barrier.tree('t')
  await tree.commit([], [{ put: 'a', value: bytes('1') }])
  barrier.seal()
  const sealed = { code: 'sealed', message: 'Vault is sealed' }
  const key = Buffer.alloc(32)
  for (const work of [
    () => tree.get('a'), () => tree.list(''), () => tree.commit([], []), () => barrier.values.get('a'), () => barrier.checkTree('t'),
    () => barrier.rotate(), () => barrier.keyStatus(), () => barrier.readRotation(), () => barrier.rekey({ seal, config }), () => barrier.setRotation(defaultRotation),
    () => barrier.isRecoveryKey(key), () => barrier.rekeyRecovery({ key, config }),
  ]) await assert.rejects(work(), sealed)
  for (const work of [
    () => barrier.subkey('a'), () => barrier.signingKey('a'), () => barrier.exportRootKey(),
    () => barrier.isRootKey(key),
  ]) assert.throws(work, sealed)
  await barrier.tick()
  await unsealBySeal(barrier, seal)
  assert.equal((await tree.get('a'))?.value.toString(), '1', 'trees live on')
})

test('sealing wins over an unsealing that is under way', async () => {
  const store = memoryStore()
  const first = await createBarrier(store)
  const rootKey = first.exportRootKey()
  const barrier = openBarrier(store)
  const unsealing = barrier.unseal(rootKey)
  barrier.seal()
  await assert.rejects(unsealing, { code: 'sealed' })
  assert.ok(barrier.isSealed)
})

test('nothing that grows with the data is read to unseal', async () => {
  const store = memoryStore()
  const barrier = await createBarrier(store)
  for (let index = 0; index < 300; index += 1) await barrier.tree(`t${index}`).commit([], [{ put: 'a', value: bytes('1') }])
  let reads = 0
  const counted: Store = {
    ...store,
    async get(key) {
      reads += 1
      return await store.get(key)
    },
    list: () => assert.fail('unsealing lists nothing'),
  }
  await unsealBySeal(openBarrier(counted), seal)
  assert.ok(reads <= 4, String(reads))
})

test('rotation under load loses nothing and leaves nothing unreadable, in two processes at once', async () => {
  const store = memoryStore()
  const barriers = [await createBarrier(store), await joinBarrier(store)]
  const random = seededRandom(5)
  const work = async (worker: number): Promise<void> => {
    for (let index = 0; index < 60; index += 1) {
      const barrier = barriers[random() < 0.5 ? 0 : 1] as Barrier
      if (index % 15 === worker) await barrier.rotate()
      await barrier.tree('load').commit([], [
        { put: `w${worker}/${index}`, value: bytes(`${worker}-${index}`) },
        { merge: 'count', by: (current) => bytes(String(Number(current ?? 0) + 1)) },
      ])
      await barrier.values.commit([], [{ merge: 'count', by: (current) => bytes(String(Number(current ?? 0) + 1)) }])
    }
  }
  await Promise.all(Array.from({ length: 6 }, (_, worker) => work(worker)))
  const fresh = await joinBarrier(store)
  assert.ok((await fresh.keyStatus()).term > 15)
  for (const barrier of [...barriers, fresh]) {
    for (const store of [barrier.tree('load'), barrier.values]) assert.equal((await store.get('count'))?.value.toString(), '360')
    for (let worker = 0; worker < 6; worker += 1) {
      for (let index = 0; index < 60; index += 1) {
        assert.equal((await barrier.tree('load').get(`w${worker}/${index}`))?.value.toString(), `${worker}-${index}`)
      }
    }
    assert.deepEqual(await barrier.checkTree('load'), [])
  }
})

test('the key rotates by itself after so many encryptions, once, also with several processes', async () => {
  const store = memoryStore()
  const barriers = [await createBarrier(store), await joinBarrier(store)] as const
  await barriers[0].setRotation({ enabled: true, maxOperations: 50_000, interval: 0 })
  const write = async (count: number): Promise<void> => {
    await barriers[0].values.commit([], Array.from({ length: count }, (_, index) => ({ put: `k/${index}`, value: bytes('1') })))
  }
  const tick = () => Promise.all([barriers[0].tick(), barriers[1].tick(), barriers[0].tick()])
  await tick()
  assert.equal((await barriers[1].keyStatus()).term, 1)
  for (let round = 0; round < 11; round += 1) await write(5_000)
  assert.ok((await barriers[0].keyStatus()).encryptions >= 55_000)
  await tick()
  for (const barrier of barriers) assert.equal((await barrier.keyStatus()).term, 2)
  await tick()
  assert.equal((await barriers[0].keyStatus()).term, 2)
  assert.ok((await barriers[0].keyStatus()).encryptions < 10_000)
})

test('the key rotates by itself when the interval is over, and not when rotation is off', async () => {
  const clock = { now: 1_000_000 }
  const barrier = await createBarrier(memoryStore(), clock)
  const day = 86_400_000
  await barrier.setRotation({ enabled: false, maxOperations: operationCountMax, interval: day })
  clock.now += 2 * day
  await barrier.tick()
  assert.equal((await barrier.keyStatus()).term, 1)
  await barrier.setRotation({ enabled: true, maxOperations: operationCountMax, interval: day })
  await barrier.tick()
  assert.deepEqual({ ...(await barrier.keyStatus()), encryptions: 0 }, { term: 2, installed: clock.now, encryptions: 0 })
  await barrier.tick()
  assert.equal((await barrier.keyStatus()).term, 2)
})

test('a crash can only make the count of encryptions too high', async () => {
  const store = memoryStore()
  let barrier = await createBarrier(store)
  let used = 0
  for (let crash = 0; crash < 5; crash += 1) {
    for (let index = 0; index < 300; index += 1) {
      await barrier.values.commit([], [{ put: `k${index}`, value: bytes('1') }, { merge: 'count', by: () => bytes('1') }])
      used += 2
    }
    assert.ok((await barrier.keyStatus()).encryptions >= used)
    barrier = await joinBarrier(store)
    assert.ok((await barrier.keyStatus()).encryptions >= used)
  }
})

test('sub-keys differ by label and stay the same over rotation, rekey and restart', async () => {
  const store = memoryStore()
  const barrier = await createBarrier(store)
  const keysOf = (from: Barrier): string[] => [
    ...['names', 'token', 'accessor'].map((label) => from.subkey(label).export().toString('hex')),
    from.signingKey('audit-chain').export({ format: 'der', type: 'pkcs8' }).toString('hex'),
  ]
  const before = keysOf(barrier)
  assert.equal(new Set(before).size, 4)
  await barrier.rotate()
  await barrier.rekey({ seal, config })
  assert.deepEqual(keysOf(barrier), before)
  assert.deepEqual(keysOf(await joinBarrier(store)), before)
  assert.notDeepEqual(keysOf(await createBarrier()), before)
})

test('after a rekey only the new seal opens the store, with all that was in it', async () => {
  const store = memoryStore()
  const barrier = await createBarrier(store)
  await barrier.tree('t').commit([], [{ put: 'a', value: bytes('1') }])
  const oldRootKey = barrier.exportRootKey()
  const newSeal = shamirSeal(Buffer.alloc(32, 2))
  await barrier.rekey({ seal: newSeal, config: { shares: 5, threshold: 3 } })
  const record = { type: 'shamir', isAutomatic: false, shares: 5, threshold: 3, wrapped: null, recovery: null, recoverable: null }
  assert.deepEqual({ ...(await barrier.readSeal()), wrapped: null }, record)
  const fresh = openBarrier(store)
  await assert.rejects(unsealBySeal(fresh, seal), { code: 'bad_request' })
  await assert.rejects(fresh.unseal(oldRootKey), { code: 'bad_request' }, 'the root key is another one, too')
  await unsealBySeal(fresh, newSeal)
  for (const open of [barrier, fresh]) assert.equal((await open.tree('t').get('a'))?.value.toString(), '1')
  assert.equal(await barrier.rotate(), 2)
})

test('a process that was not told of a new root key goes on, says so, changes no keys, and follows again once it is told', async () => {
  const store = memoryStore()
  const leader = await createBarrier(store)
  let told = 0
  const follower = new Barrier(store, { now: () => 0, onRootKeyChanged: () => void (told += 1) })
  await unsealBySeal(follower, seal)
  await leader.rekey({ seal: shamirSeal(Buffer.alloc(32, 2)), config })
  await follower.values.commit([], [{ put: 'k', value: bytes('1') }])
  await follower.tick()
  assert.ok(told > 0)
  await assert.rejects(follower.rotate(), { code: 'internal' })
  await leader.rotate()
  await leader.values.commit([], [{ put: 'k', value: bytes('2') }])
  await assert.rejects(follower.values.get('k'), { code: 'internal' })
  await follower.unseal(leader.exportRootKey())
  assert.equal((await follower.values.get('k'))?.value.toString(), '2')
  assert.equal(await follower.rotate(), 3)
})

test('parts of one commit over several trees and plain values are one commit', async () => {
  const store = memoryStore()
  const barrier = await createBarrier(store)
  const before = await store.lastCommit()
  const put = (key: string) => ({ expectations: [], writes: [{ put: key, value: bytes('1') }] })
  await barrier.values.commit([], [])
  const trees = ['one', 'two'].map((name) => ({ store: barrier.tree(name), ...put('a/b') }))
  await commitTogether([...trees, { store: barrier.values, ...put('lease/1') }])
  // The first write of a process is preceded by the reservation of encryptions.
  assert.ok((await store.lastCommit()) - before <= 2)
  for (const tree of ['one', 'two']) assert.deepEqual(await barrier.tree(tree).list('a/'), ['b'])
})

test('a seal record that was changed is refused, not obeyed', async () => {
  const store = memoryStore()
  const barrier = await createBarrier(store)
  for (const text of ['', 'null', '[]', '{"format":2}', '{"format":1,"type":"shamir","shares":"1","threshold":1,"wrapped":""}']) {
    await store.commit([], [{ put: 'barrier/seal', value: bytes(text) }])
    await assert.rejects(barrier.readSeal(), { code: 'internal' })
  }
})
