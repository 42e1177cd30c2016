/** A server one of whose calls to the disk fails: nothing that was acknowledged may be missing, and the server says what is wrong. */
import assert from 'node:assert/strict'
import { constants } from 'node:os'
import { join } from 'node:path'
import { existsSync, rmSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { seededRandom } from '../../storage/seeded.ts'
import { checkFolder } from './crash-rounds.ts'
import { ask, freePort, killTree, type Place, type RunningServer } from './process.ts'
import { createStorm, type Storm } from './storm.ts'

/** A write of half the bytes is no error, but says so. */
const shortWrite = 0
const { EIO, ENOSPC, EINTR, EDQUOT } = constants.errno

export interface Fault {
  readonly op: 'write' | 'sync'
  readonly errno: number
  /** The how manieth call of its kind, from the moment on at which the storm has begun. */
  readonly at: number
}

/** Kinds of faults, each at calls from the first on. */
export function faultsFor(count: number): Fault[] {
  const kinds = [['write', EIO], ['sync', EIO], ['write', ENOSPC], ['write', shortWrite], ['sync', EDQUOT], ['write', EINTR], ['sync', ENOSPC]] as const
  return Array.from({ length: count }, (_, i) => {
    const [op, errno] = kinds[i % kinds.length] ?? ['write', EIO]
    return { op, errno, at: 1 + Math.floor(i / kinds.length) }
  })
}

const failing = (shim: string, path: string, go: string, { op, errno, at }: Fault, times: number): NodeJS.ProcessEnv => ({
  LD_PRELOAD: shim, SHIM_FAIL_PATH: path, SHIM_FAIL_OP: op, SHIM_FAIL_ERRNO: String(errno), SHIM_FAIL_AT: String(at), SHIM_FAIL_COUNT: String(times), SHIM_FAIL_GO: go,
})

const tokenOf = (server: RunningServer): string => /^Root token: (hvs\.\S{24})$/m.exec(server.out())?.[1] ?? ''

/** Resolves with what the server printed of it when it has stopped, or null when the fault was none to it. */
export async function failStorage(place: Place, shim: string, fault: Fault, seed: number): Promise<string | null> {
  const [folder, go, port] = [join(place.folder, `data-${seed}`), join(place.folder, `go-${seed}`), await freePort()]
  const args = [`-data=${folder}`, `-listen=127.0.0.1:${port}`, '-dev-no-store-token']
  const server = await place.started(args, { environment: failing(shim, '/data.mdb', go, fault, 1) })
  const token = tokenOf(server)
  await ask(`http://127.0.0.1:${port}/v1/sys/auth/userpass`, { method: 'POST', token, body: { type: 'userpass' } })
  const storm = createStorm(seededRandom(seed), { mayFail: true })
  const stormed = storm.run(port, token)
  place.file(`go-${seed}`, '')
  await Promise.race([server.ended, storm.counted(fault.at * 20 + 100).catch(() => server.ended)])
  const said = server.child.exitCode === null ? null : (await server.ended).err
  await killTree(server.child)
  await stormed
  assert.deepEqual(storm.problems, [], `${JSON.stringify(fault)}`)
  await checkFolder(folder)
  const again = await place.started(args)
  assert.deepEqual(await storm.verify(port, token), [], JSON.stringify(fault))
  await killTree(again.child)
  for (const path of [folder, go]) rmSync(path, { recursive: true })
  return said
}

/** The only audit device fails some times: meanwhile nothing is answered, and afterwards all is well, by itself. Resolves with how many were refused. */
export async function failAudit(place: Place, shim: string, fault: Fault, seed: number): Promise<number> {
  const [folder, go, port] = [join(place.folder, `data-${seed}`), join(place.folder, `go-${seed}`), await freePort()]
  const file = join(place.folder, `audit-${seed}`, 'audit.log')
  const server = await place.started([`-data=${folder}`, `-listen=127.0.0.1:${port}`, '-dev-no-store-token'], { environment: failing(shim, '/audit.log', go, fault, 3) })
  const token = tokenOf(server)
  const at = (path: string): string => `http://127.0.0.1:${port}/v1/${path}`
  await ask(at('sys/auth/userpass'), { method: 'POST', token, body: { type: 'userpass' } })
  const enabled = await ask(at('sys/audit/file'), { method: 'PUT', token, body: { type: 'file', options: { file_path: file, fsync: 'true' } } })
  assert.ok(enabled.status < 300, enabled.text)
  const storm = createStorm(seededRandom(seed), { mayFail: true })
  const stormed = storm.run(port, token)
  place.file(`go-${seed}`, '')
  // What the system call is just made again for, nobody notices.
  const enough = storm.count() + 100
  while (storm.failures.length === 0 && storm.count() < enough) await pause(5)
  // It works again without anybody doing anything.
  await storm.counted(storm.count() + 50)
  await killTree(server.child)
  await stormed
  checkAudited(storm, fault, server.out())
  assert.ok(existsSync(file))
  await checkFolder(folder)
  return storm.failures.length
}

function checkAudited(storm: Storm, fault: Fault, log: string): void {
  assert.deepEqual(storm.problems, [], JSON.stringify(fault))
  // Clients are told that it failed, the operator why.
  for (const text of storm.failures) assert.equal(text.trim(), '{"errors":["internal error"]}')
  if (storm.failures.length > 0) assert.match(log, /audit device fails: device=file\/ reason=.*audit device works again: device=file\//s)
}
