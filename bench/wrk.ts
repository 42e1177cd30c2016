/** The load generator `wrk`, where it is installed: written in C, it leaves more of a small machine to the server. */
import { execFile, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Load, LoadResult } from './load.ts'

export const hasWrk = (): boolean => !spawnSync('wrk', ['-v']).error

const quote = (text: string): string => `"${[...Buffer.from(text)].map((byte) => `\\${String(byte).padStart(3, '0')}`).join('')}"`

/** Each thread runs the script on its own, so it begins elsewhere in the circle. */
const scriptOf = (requests: readonly string[]): string => `
local requests = { ${requests.map(quote).join(',\n')} }
local threads = 0
function setup(thread) thread:set("offset", threads); threads = threads + 1 end
local i = nil
function request()
  i = (i or offset * 37) % #requests + 1
  return requests[i]
end
function done(summary, latency)
  local e = summary.errors
  io.write(string.format("RESULT %d %d %d %d %d %d\\n", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99), e.status, e.connect + e.read + e.write + e.timeout))
end
`

/** Runs `wrk`; it cannot follow an answer, so plans with a second request are for our own generator. */
export async function runWrk({ addr, requests, connections, seconds, threads }: Load): Promise<LoadResult> {
  const folder = mkdtempSync(join(tmpdir(), 'coffer-wrk-'))
  const script = join(folder, 'load.lua')
  writeFileSync(script, scriptOf(requests))
  const args = ['-t', String(Math.min(threads, connections)), '-c', String(connections), '-d', `${Math.ceil(seconds)}s`, '--timeout', '30s', '-s', script, addr]
  try {
    const output = await new Promise<string>((resolve, reject) => {
      execFile('wrk', args, (error, stdout, stderr) => (error ? reject(new Error(stderr || error.message)) : resolve(stdout)))
    })
    const numbers = /^RESULT (.*)$/m.exec(output)?.[1]?.split(' ').map(Number) ?? []
    const [count = 0, microseconds = 1, p50 = 0, p99 = 0, refused = 0, broken = 0] = numbers
    const firstError = refused + broken > 0 ? 'wrk does not say; repeat with --generator=own' : ''
    const good = count - refused
    return { count: good, errors: refused + broken, firstError, perSecond: (good * 1e6) / microseconds, p50: p50 / 1000, p99: p99 / 1000 }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
