/**
 * How far there is to go at most: bare node:http with the bytes of a secret's read, and bare LMDB with the commits of a secret's
 * write (two values of about 1 KiB and one small one, each commit durable). `node dist/bench/limits.js [--seconds N]`
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Worker, isMainThread, parentPort } from 'node:worker_threads'
import { open } from 'lmdb'
import { formatRequest, runLoad } from './load.ts'
import { hasWrk, runWrk } from './wrk.ts'

const concurrencies = [16, 64]
const say = (line: string): void => void process.stdout.write(`${line}\n`)

const answer = Buffer.from(
  JSON.stringify({
    request_id: '00000000-0000-0000-0000-000000000000',
    lease_id: '',
    renewable: false,
    lease_duration: 0,
    data: {
      data: { password: 'p'.repeat(480), certificate: 'c'.repeat(500) },
      metadata: { created_time: '2026-01-01T00:00:00.000000000Z', custom_metadata: null, deletion_time: '', destroyed: false, version: 1 },
    },
    wrap_info: null,
    warnings: null,
    auth: null,
  }),
)

/** The other thread: a server that does nothing but answer. */
function serve(): void {
  const head = ['Cache-Control', 'no-store', 'Content-Type', 'application/json', 'Content-Length', String(answer.length)]
  const server = createServer((_, response) => response.writeHead(200, head).end(answer))
  server.listen(0, '127.0.0.1', () => parentPort?.postMessage((server.address() as AddressInfo).port))
}

async function measureHttp(connections: number, seconds: number): Promise<void> {
  const worker = new Worker(new URL(import.meta.url))
  const port = await new Promise<number>((resolve, reject) => worker.once('message', resolve).once('error', reject))
  const requests = [formatRequest({ method: 'GET', path: 'kv/data/app/1', token: `hvs.${'x'.repeat(24)}` })]
  const load = { addr: `http://127.0.0.1:${port}`, requests, connections, seconds, threads: 1 }
  const result = await (hasWrk() ? runWrk(load) : runLoad(load))
  await worker.terminate()
  say(`bare node:http  ${String(connections).padStart(3)} connections  ${result.perSecond.toFixed(0).padStart(8)} answers/s  p99 ${result.p99.toFixed(2)} ms`)
}

async function measureStore(writers: number, seconds: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'coffer-limits-'))
  const store = open<Buffer, string>({ path: join(folder, 'data'), encoding: 'binary', overlappingSync: false })
  const value = Buffer.alloc(1100, 1)
  const small = Buffer.alloc(60, 2)
  const end = performance.now() + seconds * 1000
  let commits = 0
  const write = async (writer: number): Promise<void> => {
    for (let i = 0; performance.now() < end; i++) {
      const key = `${writer}/${i % 100}`
      await store.transaction(() => {
        void store.put(`${key}/meta`, value)
        void store.put(`${key}/version`, value)
        void store.put(`${key}/name`, small)
      })
      commits++
    }
  }
  await Promise.all(Array.from({ length: writers }, (_, writer) => write(writer)))
  await store.close()
  rmSync(folder, { recursive: true, force: true })
  say(`bare LMDB       ${String(writers).padStart(3)} writers      ${(commits / seconds).toFixed(0).padStart(8)} commits/s`)
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { seconds: { type: 'string', default: '5' } } })
  for (const connections of concurrencies) await measureHttp(connections, Number(values.seconds))
  for (const writers of concurrencies) await measureStore(writers, Number(values.seconds))
}

if (isMainThread) await main()
else serve()
