/** As `memory.test.ts`, but it is the system that ends what takes too much: all processes of the server share a control group with little memory (cgroups 1 or 2). */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { exhaust } from './testing/memory.ts'
import { withCrew } from './workers/testing/crew.ts'

const limitBytes = 320 * 2 ** 20

interface Group {
  readonly folder: string
  /** How often the system has ended something in it. */
  readonly kills: () => number
}

/** Null where none may be made. */
function makeGroup(): Group | null {
  const isSecond = existsSync('/sys/fs/cgroup/cgroup.controllers')
  const folder = join('/sys/fs/cgroup', isSecond ? '' : 'memory', `coffer-test-${process.pid}`)
  try {
    mkdirSync(folder)
    writeFileSync(join(folder, isSecond ? 'memory.max' : 'memory.limit_in_bytes'), `${limitBytes}`)
  } catch {
    if (existsSync(folder)) rmdirSync(folder)
    return null
  }
  const counted = join(folder, isSecond ? 'memory.events' : 'memory.oom_control')
  return { folder, kills: () => Number(/^oom_kill (\d+)$/m.exec(readFileSync(counted, 'utf8'))?.[1] ?? 0) }
}

async function removeGroup({ folder }: Group): Promise<void> {
  // What was in it is gone, which takes a moment to show.
  for (const deadline = Date.now() + 10_000; readFileSync(join(folder, 'cgroup.procs'), 'utf8') !== '' && Date.now() < deadline; ) await pause(50)
  rmdirSync(folder)
}

test('a worker that the system ends for want of memory is replaced, and nothing that was acknowledged is lost', async (t) => {
  const group = process.platform === 'linux' ? makeGroup() : null
  if (group === null) return t.skip('a limit of memory needs control groups of Linux, and root')
  try {
    const inGroup = { after: `echo $$ > ${group.folder}/cgroup.procs`, environment: { NODE_OPTIONS: '--max-old-space-size=2000' } }
    await withCrew(2, (crew) => exhaust(crew, /a worker ended and is replaced: worker=\d how=SIGKILL/), () => inGroup)
    t.diagnostic(`${group.kills()} processes were ended`)
    assert.ok(group.kills() > 0)
  } finally {
    await removeGroup(group)
  }
})
