/** The machine, for the core: the only place in the server that asks for the time or for randomness. */
import { randomBytes, randomFillSync, randomUUID } from 'node:crypto'
import type { Host, Load, Logger } from '../core/host.ts'

const poolSize = 16 * 1024
const smallMax = 256

/** Random bytes for small needs come out of a block that is filled at once; what was given away is wiped from it. */
function randomSource(): (bytes: number) => Uint8Array {
  const pool = Buffer.alloc(poolSize)
  let used = poolSize
  return (bytes) => {
    if (bytes > smallMax) return randomBytes(bytes)
    if (used + bytes > poolSize) {
      randomFillSync(pool)
      used = 0
    }
    const taken = Buffer.from(pool.subarray(used, used + bytes))
    pool.fill(0, used, used + bytes)
    used += bytes
    return taken
  }
}

export const realNow = (): number => Date.now()

/** Milliseconds that only ever grow, for time-outs and pauses: nobody can set them. They mean nothing to another process. */
export const steadyNow = (): number => performance.now()

/** For libraries of others, which take their settings from there. */
export const realEnvironment = (): NodeJS.ProcessEnv => process.env

export const realHost = (log: Logger): Host => ({
  now: realNow,
  random: randomSource(),
  uuid: () => randomUUID(),
  log,
  later,
  load: loadSince(),
})

/** See `Host`. */
export function later(milliseconds: number, work: () => void): () => void {
  const timer = setTimeout(work, milliseconds)
  timer.unref()
  return () => clearTimeout(timer)
}

/** Of this process, since it was last asked. */
export function loadSince(): () => Load {
  let loop = performance.eventLoopUtilization()
  let cpu = process.cpuUsage()
  return () => {
    const [nextLoop, nextCpu] = [performance.eventLoopUtilization(), process.cpuUsage()]
    const busy = performance.eventLoopUtilization(nextLoop, loop).utilization
    const cpuSeconds = (nextCpu.user + nextCpu.system - cpu.user - cpu.system) / 1e6
    ;[loop, cpu] = [nextLoop, nextCpu]
    return { busy, cpuSeconds }
  }
}
