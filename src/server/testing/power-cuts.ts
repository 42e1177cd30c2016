/** A storm of writes on a server whose disk is noted, and power cuts at moments of that time: each leaves a folder that is opened and compared. */
import assert from 'node:assert/strict'
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { seededRandom } from '../../storage/seeded.ts'
import { checkFolder } from './crash-rounds.ts'
import { DiskLog, positionOf } from './disk.ts'
import { ask, freePort, killTree, type Place } from './process.ts'
import { createStorm } from './storm.ts'

export interface PowerReport {
  readonly cuts: number
  readonly acknowledged: number
  /** Things that were looked at after the cuts, in all. */
  readonly verified: number
}

export interface PowerOptions {
  readonly shim: string
  readonly cuts: number
  readonly seed: number
  /** How many requests of the storm are acknowledged before it ends. */
  readonly acknowledged: number
  /** The disk keeps nothing of the storm that it said it would: to see whether that is noticed. */
  readonly isLying?: true
}

/** Fails when anything that was acknowledged before a cut is missing after it, or a state is not sound. */
export async function powerCuts(place: Place, { shim, cuts, seed, acknowledged, isLying }: PowerOptions): Promise<PowerReport> {
  const random = seededRandom(seed)
  const log = join(place.folder, 'disk.log')
  const folder = join(place.folder, 'data')
  const port = await freePort()
  const server = await place.started([`-data=${folder}`, `-listen=127.0.0.1:${port}`, '-dev-no-store-token'], { environment: { LD_PRELOAD: shim, SHIM_LOG: log } })
  const token = /^Root token: (hvs\.\S{24})$/m.exec(server.out())?.[1] ?? ''
  await ask(`http://127.0.0.1:${port}/v1/sys/auth/userpass`, { method: 'POST', token, body: { type: 'userpass' } })
  const storm = createStorm(random, { position: () => positionOf(log) })
  const [from, stormed] = [positionOf(log), storm.run(port, token)]
  await storm.counted(acknowledged)
  await killTree(server.child)
  await stormed
  assert.deepEqual(storm.problems, [])
  const disk = new DiskLog(log, isLying ? from : Infinity)
  const [to, syncs] = [positionOf(log), disk.syncs.filter((at) => at > from)]
  let verified = 0
  for (let cut = 0; cut < cuts; cut++) {
    // Five of seven right after a sync, when what it made durable is all there is; the others at any byte that was written.
    const at = cut % 7 < 5 ? (syncs[Math.floor(random() * syncs.length)] as number) : Math.floor(from + random() * (to - from))
    const left = join(place.folder, 'left')
    mkdirSync(left, { mode: 0o700 })
    cpSync(join(folder, 'seal.key'), join(left, 'seal.key'))
    writeFileSync(join(left, 'data.mdb'), disk.fileAt(at, random), { mode: 0o600 })
    const ledger = storm.ledger.asOf(at)
    verified += ledger.keys().length
    if (!isLying) await checkFolder(left)
    await compare(place, left, async (leftPort) => assert.deepEqual(await storm.verify(leftPort, token, ledger), [], `after a cut at byte ${at} of the log, seed ${seed}`))
    rmSync(left, { recursive: true })
  }
  return { cuts, acknowledged: storm.count(), verified }
}

/** The folder opens, and holds what it should. */
async function compare(place: Place, folder: string, verify: (port: number) => Promise<void>): Promise<void> {
  const port = await freePort()
  // One process: what is looked at is the folder, and a server with workers takes twice as long to start.
  const server = await place.started([`-data=${folder}`, `-listen=127.0.0.1:${port}`, '-dev-no-store-token', '-workers=1'])
  await verify(port)
  await killTree(server.child)
}
