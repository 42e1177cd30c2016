/** Kills a real server amid a storm of writes, again and again, over one folder, and looks each time at what is left. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { Barrier } from '../../barrier/barrier.ts'
import { openKeyFileSeal } from '../../barrier/seals/key-file.ts'
import { unsealBySeal } from '../../barrier/seals/unsealing.ts'
import type { Base } from '../../core/base.ts'
import { checkState, type StateCheckOptions } from '../../core/check/state.ts'
import { openLmdbStore } from '../../storage/lmdb.ts'
import { seededRandom } from '../../storage/seeded.ts'
import { builtinRegistry } from '../engines.ts'
import { realHost } from '../host.ts'
import { ask, freePort, gone, inPlace, kill, killTree, treeOf, type Place, type RunningServer } from './process.ts'
import { createStorm, marks } from './storm.ts'

export interface CrashReport {
  readonly rounds: number
  readonly acknowledged: number
  /** Things that were looked at after each crash, in all. */
  readonly verified: number
  readonly openedInMs: number
}

const secrets = Object.values(marks).filter((mark) => mark.length >= 6)

/** Opens the folder of a server that does not run, and checks everything in it; `look` may look at more. */
export async function checkFolder(folder: string, options: StateCheckOptions = {}, look: (base: Base) => Promise<void> = async () => undefined): Promise<void> {
  const store = await openLmdbStore({ folder })
  try {
    const barrier = new Barrier(store, { now: () => Date.now() })
    await unsealBySeal(barrier, await openKeyFileSeal(join(folder, 'seal.key')))
    const base: Base = { host: realHost(() => undefined), barrier, registry: builtinRegistry(), settings: {} as Base['settings'] }
    const raw = [{ name: 'data.mdb', bytes: await readFile(join(folder, 'data.mdb')) }]
    assert.deepEqual(await checkState(base, { secrets, raw, ...options }), [])
    await look(base)
    barrier.seal()
  } finally {
    await store.close()
  }
}

/** The rounds differ with the seed; the moments of the kills are up to the machine. */
export const crashRounds = (rounds: number, seed: number): Promise<CrashReport> => {
  let report: CrashReport = { rounds, acknowledged: 0, verified: 0, openedInMs: 0 }
  return inPlace(async (place) => void (report = await runRounds(place, rounds, seed))).then(() => report)
}

/** Some of the workers, one after the other: the others go on, and new ones come. */
async function killSome(workers: readonly number[], random: () => number): Promise<void> {
  for (const worker of workers) if (random() < 0.3) {
    kill(worker, 'SIGKILL')
    await pause(random() * 200)
  }
}

async function runRounds(place: Place, rounds: number, seed: number): Promise<CrashReport> {
  const random = seededRandom(seed)
  const storm = createStorm(random)
  const folder = join(place.folder, 'data')
  const args = [`-data=${folder}`, `-listen=127.0.0.1:${await freePort()}`, '-dev-no-store-token']
  const port = Number(args[1]?.split(':')[1])
  let token = ''
  let [verified, openedInMs] = [0, 0]
  let next: Promise<RunningServer> | null = null
  for (let round = 0; round < rounds; round++) {
    const started = Date.now()
    const server: RunningServer = await (next ?? place.started(args))
    next = null
    openedInMs = Math.max(openedInMs, Date.now() - started)
    if (token === '') {
      token = /^Root token: (hvs\.\S{24})$/m.exec(server.out())?.[1] ?? ''
      await ask(`http://127.0.0.1:${port}/v1/sys/auth/userpass`, { method: 'POST', token, body: { type: 'userpass' } })
    }
    verified += storm.ledger.keys().length
    assert.deepEqual(await storm.verify(port, token), [], `after crash ${round}`)
    const stormed = storm.run(port, token)
    await storm.counted(storm.count() + 5 + Math.floor(random() * 40))
    await pause(random() * 300)
    const [, ...workers] = treeOf(server.child.pid ?? 0)
    if (workers.length > 0) await killSome(workers, random)
    // The supervisor alone, whose workers must end by themselves, or everything at once.
    const isAlone = workers.length > 0 && random() < 0.3
    if (isAlone) kill(server.child.pid ?? 0, 'SIGKILL')
    else await killTree(server.child)
    // As a service manager would, which does not know of the workers.
    if (isAlone && random() < 0.5) next = gone([server.child.pid ?? 0]).then(() => place.started(args))
    next?.catch(() => undefined)
    assert.equal((await server.ended).signal, 'SIGKILL')
    await gone(workers)
    await stormed
    assert.deepEqual(storm.problems, [])
    if (next !== null) continue
    const logged = Buffer.from(server.out().replace(token, '') + server.err())
    await checkFolder(
      folder, { raw: [{ name: 'data.mdb', bytes: await readFile(join(folder, 'data.mdb')) }, { name: 'the log', bytes: logged }] }
    )
  }
  const server = await place.started(args)
  verified += storm.ledger.keys().length
  assert.deepEqual(await storm.verify(port, token), [], 'at the end')
  // What the crashes interrupted is finished within the next turns of the sweeper and of the removals.
  await pause(7_000)
  assert.equal((await server.stop()).code, 0)
  await checkFolder(folder, { isSettled: true })
  return { rounds, acknowledged: storm.count(), verified, openedInMs }
}
