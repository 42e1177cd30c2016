/**
 * The paths of every operation there is, spelled in many ways, with every method, by somebody who may do everything but what the plain spelling names. The
 * operations do nothing here but tell what reached them.
 */
import assert from 'node:assert/strict'
import { authMethods } from '../../auth/list.ts'
import { engines } from '../../engines/list.ts'
import { engine, type Engine } from '../../kit/engine.ts'
import type { Operation } from '../../kit/operation.ts'
import { withServer } from '../../request/testing/checked-server.ts'
import type { ServeHarness } from '../../request/testing/serve-harness.ts'
import { identity } from '../../system/identity/index.ts'
import { system } from '../../system/sys/index.ts'
import { tokenAuth } from '../../system/token/index.ts'
import { send, tokenWith } from './wire.ts'

const methods = ['GET', 'POST', 'DELETE', 'LIST', 'PATCH', 'SCAN'] as const
/** What every parameter is in the plain spelling. */
const filler = 'name'

interface Probe {
  readonly engine: Engine
  readonly mount: string
}

/** What was reached: the path of an operation and its parameters, as one text. */
type Reached = (what: string) => void

/** Engines of the same operations, with nothing behind them. */
function probes(reached: Reached): Probe[] {
  return [...engines, ...authMethods, system, identity, tokenAuth].map(({ operations }, i) => ({
    mount: `probe-${i}`,
    engine: engine({
      type: `probe-${i}`,
      kind: 'secret',
      summary: 'Tells what reached it.',
      operations: operations.map((operation) => telling(operation, `probe-${i}/`, reached)),
    }),
  }))
}

function telling(operation: Operation, mount: string, reached: Reached): Operation {
  return {
    ...operation,
    input: {},
    access: operation.access === 'public' ? 'policy' : operation.access,
    arbitraryInput: true,
    lifecycle: false,
    exists: null,
    admit: null,
    lockoutName: null,
    loginRole: null,
    handle({ params }) {
      reached(`${mount}${operation.path} ${JSON.stringify(params)}`)
      return null
    },
  }
}

const hex = (letter: string): string => `%${letter.charCodeAt(0).toString(16).padStart(2, '0')}`

/** Fifty, of which some layer might fold any to the plain one. The plain one is among them. */
export function spellingsOf(path: string): string[] {
  const [first = '', ...rest] = path.split('/')
  const tail = rest.join('/')
  const last = path.length - 1
  const inserted = ['//', '/./', '/../', '/x/../', '/%2e/', '/%2e%2e/', '/x/%2e%2e/', '/..;/', '%2f', '%2F', '%5c', '/%20', '%20/', '/%00', '%00/', '/%09', '%0d%0a', '/%e2%80%8b', '%c0%af', '/;x/', '%252f']
  const appended = ['/', '//', '/.', '/..', '/./', '%2f', '%20', '%00', '%09', '.', '%2e', ';x', '%3f', '%23', '?x=1', '?list=false', '/%2e', '%c2%a0', '\\', '.json']
  return [
    path, `/${path}`, `./${path}`, `%2f${path}`, path.toUpperCase(), [...path].map(hex).join(''), path.slice(0, last) + hex(path.charAt(last)), `%${hex(path.charAt(0)).slice(1).toUpperCase()}${path.slice(1)}`, path.replace(/.$/, (letter) => letter.toUpperCase()),
    ...inserted.map((between) => `${first}${between}${tail}`),
    ...appended.map((end) => path + end),
  ]
}

export interface SpellingReport {
  requests: number
  /** How many of them reached an operation that was not denied. */
  reached: number
  /** Paths whose parameter may not be called as we call all of them. */
  readonly unreachable: string[]
}

/** Tries so many spellings of every operation's path with every method: others for each, where it is not all of them. */
export async function spellEverything(count: number): Promise<SpellingReport> {
  const report: SpellingReport = { requests: 0, reached: 0, unreachable: [] }
  const seen: string[] = []
  const all = probes((what) => void seen.push(what))
  await withServer(async (server) => {
    for (const { mount } of all) await server.ok('write', `sys/mounts/${mount}`, { data: { type: mount } })
    for (const [i, path] of plainPaths(all).entries()) {
      const spellings = spellingsOf(path).filter((_, k, { length }) => (i + k) % Math.round(length / count) === 0)
      await spellOne(server, path, { spellings, seen, report })
    }
  }, { engines: all.map((probe) => probe.engine) })
  return report
}

function plainPaths(all: readonly Probe[]): string[] {
  const paths = all.flatMap(({ mount, engine: { operations } }) => operations.map(({ path }) => `${mount}/${path.replaceAll(/\{\w+\*?\}/g, filler)}`))
  return [...new Set(paths.map((path) => path.replace(/\/$/, '')))]
}

interface Trial {
  readonly spellings: readonly string[]
  readonly seen: string[]
  readonly report: SpellingReport
}

async function spellOne(server: ServeHarness, path: string, { spellings, seen, report }: Trial): Promise<void> {
  seen.length = 0
  for (const method of methods) await send(server, method, path)
  const guarded = new Set(seen)
  if (guarded.size === 0) return void report.unreachable.push(path)
  const token = await tokenWith(server, `path "*" { policy = "sudo" } path "${path}" { policy = "deny" } path "${path}/" { policy = "deny" }`)
  for (const spelling of spellings) for (const method of methods) {
    seen.length = 0
    const { status } = await send(server, method, spelling, { token })
    assert.ok(status < 500, `${method} ${spelling}: ${status}`)
    for (const what of seen) assert.ok(!guarded.has(what), `${method} ${spelling} reached what was denied: ${what}`)
    report.requests += 1
    report.reached += seen.length
  }
  await server.ok('write', 'auth/token/revoke', { data: { token } })
}
