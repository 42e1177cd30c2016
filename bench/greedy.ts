/** Expensive calls beside clients that only read: a list of very many names, bodies of nearly 32 MiB, a secret of very many fields, logins. What the readers notice of each. */
import { join } from 'node:path'
import { caller, quantile, timesDuring, type Caller } from '../src/server/testing/overload.ts'
import { call } from './api.ts'
import { fill } from './fill.ts'
import { ownCommand, pause, restart, start, stop, type Running } from './start.ts'

const readers = 6
const ms = 12_000

/** A running server of two workers with so many secrets in one folder, `growth/`, in a new folder below `parent`. */
export async function startFilled(parent: string, names: number): Promise<Running> {
  const server = await start({ name: 'greedy', command: ownCommand, storage: 'lmdb', extra: 'workers = 2' }, parent)
  await call(server, 'POST', 'sys/mounts/growth', { type: 'kv', options: { version: '2' } })
  await call(server, 'POST', 'sys/auth/userpass', { type: 'userpass' })
  await stop(server.child)
  await fill({ folder: join(server.folder, 'data'), key: server.key, token: server.token }, 'secrets', 0, names, 1)
  await restart(server)
  return server
}

export interface Noticed {
  readonly what: string
  /** How many of the expensive calls there were, and the median of what each took. */
  readonly calls: number
  readonly callMs: number
  readonly statuses: readonly number[]
  /** Of the reads, sorted. Milliseconds. */
  readonly before: readonly number[]
  readonly during: readonly number[]
}

/** Each kind of call, over and over, one at a time. */
export async function measureReaders({ addr, token }: Running): Promise<Noticed[]> {
  const port = Number(new URL(addr).port)
  const greedy = caller(port, token, 1)
  const input = JSON.stringify({ input: Buffer.alloc(23 * 2 ** 20).toString('base64') })
  const fields = JSON.stringify({ data: Object.fromEntries(Array.from({ length: 150_000 }, (_, i) => [`field-${i}`, `the value of a field, of some fifty characters ${i}`])) })
  const deeds: Readonly<Record<string, (n: number) => ReturnType<Caller['ask']>>> = {
    'a list of all names': () => greedy.ask('GET', 'growth/metadata?list=true'),
    [`a body of ${(input.length / 2 ** 20).toFixed(1)} MiB`]: () => greedy.ask('POST', 'sys/tools/hash', input),
    [`a secret of 150,000 fields, ${(fields.length / 2 ** 20).toFixed(1)} MiB`]: () => greedy.ask('POST', 'growth/data/large', fields),
    'a login with a password': (n) => greedy.ask('POST', `auth/userpass/login/ann${n}`, '{"password":"wrong"}'),
  }
  const found: Noticed[] = []
  for (const [what, deed] of Object.entries(deeds)) found.push(await measureBeside(port, token, what, deed))
  greedy.close()
  return found
}

async function measureBeside(port: number, token: string, what: string, deed: (n: number) => ReturnType<Caller['ask']>): Promise<Noticed> {
  const before = await readTimes(port, token, pause(ms / 2))
  const statuses = new Set<number>()
  const took: number[] = []
  const work = async (): Promise<void> => {
    for (const end = Date.now() + ms; Date.now() < end; ) {
      const answer = await deed(took.length)
      statuses.add(answer.status)
      took.push(answer.ms)
    }
  }
  const during = await readTimes(port, token, work())
  return { what, calls: took.length, callMs: quantile(took.toSorted((a, b) => a - b), 0.5), statuses: [...statuses], before, during }
}

async function readTimes(port: number, token: string, work: Promise<unknown>): Promise<number[]> {
  const all: Caller[] = Array.from({ length: readers }, () => caller(port, token, 1))
  const times = await Promise.all(all.map((one, i) => timesDuring(() => one.ask('GET', `growth/data/name-${i}`), work)))
  for (const one of all) one.close()
  return times.flat().toSorted((a, b) => a - b)
}
