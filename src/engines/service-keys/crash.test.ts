/** A process that dies between any two steps of a rotation, with a service that has done what it was asked or not: one credential is left, and it is the one that is shown. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { carryOut, type Target } from '../../kit/rotation/machine.ts'
import { intend, settle } from '../../kit/rotation/rotator.ts'
import { runTransaction } from '../../storage/transaction.ts'
import { keyRecipe, onService, passwordRecipe, type MountedService } from '../../request/testing/mounted-service.ts'
import { keeper, keyName, readSubject, retire } from './rotation.ts'
import type { Secret } from './records.ts'

class Died extends Error {}

/** Counts what is begun and what has ended; at the number `last` the process is gone. */
class Life {
  left: number
  constructor(last: number) {
    this.left = last
  }
  async through<T>(work: () => Promise<T> | T): Promise<T> {
    this.step()
    const result = await work()
    this.step()
    return result
  }
  step(): void {
    if (this.left-- === 0) throw new Died('gone')
  }
  get isOver(): boolean {
    return this.left < 0
  }
}

/** The same target, in a process that dies; of what the machine makes of an error then, nothing is written down. */
function mortal(target: Target<Secret>, life: Life): Target<Secret> {
  const { complete } = target
  return {
    ...target,
    ...(complete === undefined ? {} : { complete: (secret, signal) => life.through(() => complete(secret, signal)) }),
    set: (secret, signal) => life.through(() => target.set(secret, signal)),
    looks: (secret, signal) => life.through(() => target.looks(secret, signal)),
    takeBack: (old, next, signal) => life.through(() => target.takeBack(old, next, signal)),
  }
}

/** Rotates as the engine does, and dies at the step of that number. False: it came to the end before. */
async function rotateUntil({ server }: MountedService, last: number): Promise<boolean> {
  const mount = await server.core.mounts.at('svc/')
  assert.ok(mount !== null)
  const life = new Life(last)
  const maker = { now: server.clock.now(), random: server.core.host.random, makePassword: async () => 'unused' }
  const begun = await runTransaction(mount.store, async (store) => {
    const subject = await readSubject(store, keyName('k'))
    assert.ok(subject !== null)
    return await intend(keeper, store, subject, maker, 60)
  })
  const { subject, next, isResumed } = begun
  const note = (completed: Secret): Promise<void> => runTransaction(mount.store, async (store) => {
    life.step()
    const found = await readSubject(store, keyName('k'))
    assert.ok(found?.successor != null)
    await keeper.write(store, found, { successor: { ...found.successor, secret: completed } }, maker.random)
  })
  const { signal } = new AbortController()
  const view = { ...mount.record, namespace: 'root', options: {}, defaultLeaseSeconds: 1, maxLeaseSeconds: 1 }
  const outcome = await carryOut(mortal(keeper.target(view, subject, next, 'foreground'), life), { old: keeper.secretOf(subject), next, isResumed }, { signal, note }).catch(() => null)
  if (life.isOver || outcome === null) return true
  await runTransaction(mount.store, (store) => settle(keeper, store, keyName('k'), next, outcome, maker))
  try {
    const after = await runTransaction(mount.store, (store) => readSubject(store, keyName('k')))
    if (after?.key.previous != null) await life.through(() => retire(after, after.key.previous?.secret ?? assert.fail(), after.key.secret, signal))
  } catch {
    return true
  }
  return false
}

describe('a process that dies at any step', () => {
  for (const [what, recipe, isKey] of [['of a rotation of a key that the service makes', keyRecipe, true], ['of a rotation of a password', passwordRecipe, false]] as const) {
    test(`${what} leaves one that works, which is shown in the end`, onService(async (mounted) => {
      const { service, write, read, credential, pass } = mounted
      service.makeUser('ann', 'x')
      assert.equal((await write('keys/k', { service: 'shop', params: { user: 'ann' }, rotation_period: '24h' })).status, 204)
      let at = 0
      for (let isDying = true; isDying; at++) {
        assert.ok(at < 40, 'it never comes to an end')
        isDying = await rotateUntil(mounted, at)
        await pass(70)
        await pass(30)
        const shown = await credential('k')
        assert.equal((await read('keys/k'))['rotation_state'], 'settled', `after step ${at}`)
        if (isKey) assert.deepEqual([service.works(shown), service.keys()], [true, [shown['id']]], `after step ${at}`)
        else assert.equal(service.passwordOf('ann'), shown['password'], `after step ${at}`)
      }
      assert.ok(at > (isKey ? 8 : 4), `only ${at} steps`)
    }, { recipe }))
  }
})

describe('a service that fails at any call', () => {
  const calls = [/^POST .*keys$/, /^PUT .*rights$/, /^GET .*whoami$/, /^DELETE .*keys\//, /^DELETE \/api\/keys$/]
  for (const how of ['dies before', 'dies after', 500, 400] as const) {
    test(`(${how}) for a while is left with one key, which is the one that is shown`, onService(async ({ service, write, read, credential, pass }) => {
      await write('keys/k', { service: 'shop', params: { user: 'ann' }, rotation_period: '24h' })
      for (const at of calls) {
        service.fault = { at, how }
        await write('rotate/k')
        await pass(20)
        // What is shown works meanwhile, too.
        assert.equal(service.works(await credential('k')), true, String(at))
        service.fault = null
        await pass(200)
        await pass(200)
        const shown = await credential('k')
        assert.deepEqual([service.works(shown), service.keys()], [true, [shown['id']]], String(at))
      }
      await write('rotate/k')
      await pass(30)
      assert.deepEqual([(await read('keys/k'))['rotation_state'], service.keys()], ['settled', [(await credential('k'))['id']]])
    }))
  }
})

test('a key that is refused when it is tried is removed, also when that fails at first', onService(async ({ service, configure, write, read, credential, pass }) => {
  await write('keys/k', { service: 'shop', params: { user: 'ann' }, rotation_period: '24h' })
  const first = await credential('k')
  await configure({ recipe: { ...keyRecipe, set: [] } })
  service.fault = { at: /^DELETE .*keys\//, how: 500 }
  assert.match((await write('rotate/k')).errors[0] ?? '', /a login with it is refused; taking it back failed: undo, call 1: status 500/)
  assert.deepEqual([(await read('keys/k'))['rotation_state'], service.keys().length], ['open', 2])
  service.fault = null
  await pass(100)
  assert.deepEqual([(await read('keys/k'))['rotation_state'], service.keys(), service.works(first)], ['failing', [first['id']], true])
}))

test('what was made and could not be told is removed before another one is made', onService(async ({ service, write, read, credential, pass }) => {
  await write('keys/k', { service: 'shop', params: { user: 'ann' }, rotation_period: '24h' })
  service.fault = { at: /^POST/, how: 'dies after' }
  assert.equal((await write('rotate/k')).status, 502)
  service.fault = null
  await pass(100)
  assert.deepEqual([(await read('keys/k'))['rotation_state'], service.keys().length], ['settled', 1])
  assert.ok(service.requests.some((request) => /^DELETE \/api\/keys\?label=[0-9a-f-]{36}$/.test(request)))
  assert.equal(service.works(await credential('k')), true)
}))
