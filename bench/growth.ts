/**
 * Whether anything gets slower with what is stored: fills a store with 10, then more, up to a million things of one kind, and measures at each
 * size the start, the memory after it, and single operations, one at a time. What grows shows as a line that is not flat.
 */
import { rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { call } from './api.ts'
import { fill, kinds, type Kind } from './fill.ts'
import { formatRequest, runLoad, type RequestParts } from './load.ts'
import { readUsage } from './processes.ts'
import { spreadOf } from './report.ts'
import { ownCommand, restart, start, stop, stopAllAtExit, type Running } from './start.ts'

const help = `Usage: node dist/bench/growth.js [options]

  --kinds A,B      ${kinds.join(' ')} (default: all)
  --sizes N,N      (default: 10,1000,100000,1000000; mounts and policies end at 100000)
  --seconds N      of each measurement (default 2)
  --folder DIR     where the data lie, removed at the end (default: the folder for temporary files)
  --json           print one JSON object a line
`

const samples = 200
/** More of these than this is not a thing that anybody has. */
const sizeMax: Readonly<Record<Kind, number>> = { secrets: Infinity, tokens: Infinity, leases: Infinity, policies: 100_000, mounts: 100_000, certificates: Infinity, revoked: Infinity }
const say = (line: string): void => void process.stdout.write(`${line}\n`)

/** `once`: what cannot be done twice to the same thing; each request is sent once. `pairs`: so too, and only each second one counts. */
type Operation = readonly [name: string, requests: (names: readonly string[], round: number) => RequestParts[], how?: 'once' | 'pairs']

const of = (method: string, path: (name: string) => string, body?: unknown) => (names: readonly string[]): RequestParts[] =>
  names.map((name) => ({ method, path: path(name), ...(body === undefined ? {} : { body }) }))

/** Enough that none is sent twice within a measurement; a name that is there already is another operation. */
const fresh = (round: number): string[] => Array.from({ length: 20_000 }, (_, i) => `new-${round}-${i}`)
const data = { data: { password: 'p'.repeat(100) } }

const revocation = (serial_number: string): RequestParts => ({ method: 'POST', path: 'growth-pki/revoke', body: { serial_number } })
/** So many samples are revoked for a list that is built anew; the others just so. */
const rebuilds = 5

const operations: Readonly<Record<Kind, readonly Operation[]>> = {
  secrets: [
    ['read', of('GET', (name) => `growth/data/${name}`)],
    ['write', of('POST', (name) => `growth/data/${name}`, data)],
    ['new', (_, round) => of('POST', (name) => `growth/data/${name}`, data)(fresh(round))],
    ['list 100', of('GET', (name) => `growth/metadata/?list=true&limit=100&after=${name}`)],
  ],
  tokens: [
    ['lookup-self', (names) => names.map((token) => ({ method: 'GET', path: 'auth/token/lookup-self', token }))],
    ['create', () => [{ method: 'POST', path: 'auth/token/create', body: { ttl: '1h' } }]],
  ],
  leases: [
    ['lookup', (names) => names.map((lease_id) => ({ method: 'POST', path: 'sys/leases/lookup', body: { lease_id } }))],
    ['issue', () => [{ method: 'POST', path: 'growth-ssh/creds/role', body: { ip: '192.0.2.1' } }]],
  ],
  policies: [
    ['read', of('GET', (name) => `sys/policies/acl/${name}`)],
    ['write', of('POST', (name) => `sys/policies/acl/${name}`, { policy: 'path "x" { capabilities = ["read"] }' })],
  ],
  mounts: [
    ['write', of('POST', (path) => `${path}app`, { password: 'p' })],
    ['look', of('GET', (path) => `sys/mounts/${path.slice(0, -1)}`)],
    ['tune', of('POST', (path) => `sys/mounts/${path}tune`, { description: 'x' })],
  ],
  certificates: [
    ['read', of('GET', (serial) => `growth-pki/cert/${serial}`)],
    ['issue', () => [{ method: 'POST', path: 'growth-pki/issue/leaf', body: { common_name: 'www.example.com' } }]],
    ['revoke', (names) => names.map(revocation), 'once'],
    ['list 100', () => [{ method: 'GET', path: 'growth-pki/certs?list=true&limit=100' }]],
  ],
  revoked: [
    ['revoke', (names) => names.slice(rebuilds).map(revocation), 'once'],
    ['crl built', (names) => names.slice(0, rebuilds).flatMap((name) => [revocation(name), { method: 'GET', path: 'growth-pki/crl' }]), 'pairs'],
    ['crl kept', () => [{ method: 'GET', path: 'growth-pki/crl' }]],
  ],
}

interface Row {
  readonly kind: Kind
  readonly size: number
  readonly startMs: number
  readonly memoryMiB: number
  readonly fillPerSecond: number
  /** Median milliseconds of one request, by operation. */
  readonly operations: Readonly<Record<string, number>>
}

async function measureSize(server: Running, kind: Kind, names: readonly string[], round: number, seconds: number): Promise<Pick<Row, 'startMs' | 'memoryMiB' | 'operations'>> {
  const startMs = await restart(server)
  const memoryMiB = (readUsage(server.child.pid ?? null)?.memoryBytes ?? Number.NaN) / 2 ** 20
  const medians: Record<string, number> = {}
  for (const [name, make, how] of operations[kind]) {
    const parts = make(names, round)
    if (how !== undefined) {
      medians[name] = await medianOfEach(server, parts, how === 'pairs' ? 2 : 1)
      continue
    }
    const requests = parts.map((one) => formatRequest({ token: server.token, ...one }))
    const { p50, errors, firstError } = await runLoad({ addr: server.addr, requests, connections: 1, seconds, threads: 1 })
    if (errors > 0) throw new Error(`${kind} ${name}: ${firstError}`)
    medians[name] = p50
  }
  return { startMs, memoryMiB, operations: medians }
}

/** Of each request in so many, the last one. */
async function medianOfEach(server: Running, parts: readonly RequestParts[], every: number): Promise<number> {
  const times: number[] = []
  for (const [i, { method, path, body }] of parts.entries()) {
    const began = performance.now()
    const answer = await fetch(`${server.addr}/v1/${path}`, { method, headers: { 'X-Vault-Token': server.token }, ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
    await answer.arrayBuffer()
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status}`)
    if (i % every === every - 1) times.push(performance.now() - began)
  }
  return spreadOf(times).median
}

async function measureKind(kind: Kind, sizes: readonly number[], seconds: number, parent: string, show: (row: Row) => void): Promise<void> {
  const server = await start({ name: kind, command: ownCommand, storage: 'lmdb', extra: '' }, parent)
  try {
    await call(server, 'POST', 'sys/mounts/growth', { type: 'kv', options: { version: '2' } })
    await call(server, 'POST', 'sys/mounts/growth-ssh', { type: 'ssh' })
    await call(server, 'POST', 'growth-ssh/roles/role', { key_type: 'otp', default_user: 'app', cidr_list: '192.0.2.0/24' })
    await call(server, 'POST', 'sys/mounts/growth-pki', { type: 'pki' })
    await call(server, 'POST', 'growth-pki/root/generate/internal', { common_name: 'Growth Root', key_type: 'ec' })
    await call(server, 'POST', 'growth-pki/roles/leaf', { allow_any_name: true, key_type: 'ec', ttl: '720h' })
    let made = 0
    const names: string[] = []
    for (const [round, size] of sizes.entries()) {
      await stop(server.child)
      const began = performance.now()
      const place = { folder: join(server.folder, 'data'), key: server.key, token: server.token }
      names.push(...(await fill(place, kind, made, size, samples)))
      const fillPerSecond = ((size - made) * 1000) / (performance.now() - began)
      made = size
      show({ kind, size, fillPerSecond, ...(await measureSize(server, kind, names.slice(-samples), round, seconds)) })
    }
  } finally {
    await stop(server.child)
    rmSync(server.folder, { recursive: true, force: true })
  }
}

const formatRow = ({ kind, size, startMs, memoryMiB, operations: medians }: Row): string => {
  const cells = Object.entries(medians).map(([name, ms]) => `${name} ${ms.toFixed(2)}`)
  return `${kind.padEnd(9)} ${String(size).padStart(9)}   start ${startMs.toFixed(0).padStart(4)} ms   ${memoryMiB.toFixed(0).padStart(4)} MiB   ${cells.join('   ')}  (ms, median)`
}

function parseSizes(text: string): number[] {
  const sizes = text.split(',').map(Number)
  if (!sizes.every((size, i) => Number.isInteger(size) && size > (sizes[i - 1] ?? 0))) throw new Error(`--sizes is ${text}; give whole numbers, each larger than the one before`)
  return sizes
}

async function main(): Promise<void> {
  const text = { type: 'string' } as const
  const { values } = parseArgs({
    options: {
      kinds: { ...text, default: kinds.join(',') }, sizes: { ...text, default: '10,1000,100000,1000000' }, seconds: { ...text, default: '2' }, folder: text,
      json: { type: 'boolean', default: false }, help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) return say(help)
  const isKind = (name: string): name is Kind => (kinds as readonly string[]).includes(name)
  const chosen = values.kinds.split(',')
  if (!chosen.every(isKind)) throw new Error(`--kinds is ${values.kinds}; there are ${kinds.join(', ')}`)
  stopAllAtExit()
  for (const kind of chosen) {
    const sizes = parseSizes(values.sizes).filter((size) => size <= sizeMax[kind])
    await measureKind(kind, sizes, Number(values.seconds), values.folder ?? tmpdir(), (row) => say(values.json ? JSON.stringify(row) : formatRow(row)))
  }
}

await main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
})
