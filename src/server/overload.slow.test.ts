/** As `overload.test.ts` at full size: ten thousand idle connections, ten times more writers than can be served, large bodies and lists. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import { caller, hold, quantile, residentBytes, timesDuring } from './testing/overload.ts'
import { freePort, inPlace, killTree } from './testing/process.ts'

const shown = (times: readonly number[]): string => `p50 ${quantile(times, 0.5).toFixed(1)} ms, p99 ${quantile(times, 0.99).toFixed(1)} ms of ${times.length}`

test('under ten times more than it can bear the server stays responsive and bounded, and is itself again afterwards', (t) => inPlace(async (place) => {
  if (process.platform !== 'linux') return t.skip('looks into /proc')
  const port = await freePort()
  const server = await place.started([`-data=${place.folder}/data`, `-listen=127.0.0.1:${port}`, '-dev-no-store-token'])
  const token = /^Root token: (hvs\.\S{24})$/m.exec(server.out())?.[1] ?? ''
  const pid = server.child.pid ?? 0
  const [one, many] = [caller(port, token, 1), caller(port, token, 640)]
  const small = '{"data":{"a":"1"}}'
  await one.ask('POST', 'secret/data/a', small)
  const health = (): ReturnType<typeof one.ask> => one.ask('GET', 'sys/health')
  const read = (): ReturnType<typeof one.ask> => one.ask('GET', 'secret/data/a')
  const writes = async (connections: number, ms: number): Promise<Record<number, number>> => {
    const statuses: Record<number, number> = {}
    const end = Date.now() + ms
    await Promise.all(Array.from({ length: connections }, async (_, i) => {
      for (let n = 0; Date.now() < end; n++) {
        const { status, retryAfter } = await many.ask('POST', `secret/data/k${i}-${n % 5}`, small)
        statuses[status] = (statuses[status] ?? 0) + 1
        if (status === 503 || status === 429) assert.equal(retryAfter, '1')
      }
    }))
    return statuses
  }
  t.diagnostic(`before: health ${shown(await timesDuring(health, writes(0, 1_000)))}; reads ${shown(await timesDuring(read, writes(0, 1_000)))}`)
  const [calm, first] = [await writes(64, 5_000), residentBytes(pid)]
  const storm = writes(640, 10_000)
  const times = await timesDuring(health, storm)
  const statuses = await storm
  t.diagnostic(`64 writers: ${JSON.stringify(calm)}; 640 writers: ${JSON.stringify(statuses)}, health ${shown(times)}, ${Math.round((residentBytes(pid) - first) / 2 ** 20)} MiB more`)
  assert.ok(quantile(times, 0.99) < 1_000)
  assert.deepEqual(Object.keys(statuses).filter((status) => !['200', '429', '503'].includes(status)), [])
  const after = await writes(64, 5_000)
  t.diagnostic(`64 writers afterwards: ${JSON.stringify(after)}`)
  assert.ok((after[200] ?? 0) > (calm[200] ?? 0) / 3, 'the throughput does not come back')

  const limit = Number(execFileSync('sh', ['-c', 'ulimit -n'], { encoding: 'utf8' }))
  const count = Number.isFinite(limit) ? Math.min(10_000, limit - 1_000) : 10_000
  const [release, held] = [await hold(port, count, ''), residentBytes(pid)]
  const idle = await timesDuring(health, writes(0, 2_000))
  t.diagnostic(`${count} idle connections: health ${shown(idle)}, ${Math.round((held - first) / 2 ** 20)} MiB more`)
  release()
  assert.ok(quantile(idle, 0.99) < 1_000)

  const body = JSON.stringify({ data: { big: 'x'.repeat(14 * 2 ** 20) } })
  const large = await timesDuring(read, (async () => {
    for (let i = 0; i < 6; i++) await many.ask('POST', `secret/data/large-${i}`, body)
  })())
  t.diagnostic(`reads beside bodies of 14 MiB: ${shown(large)}`)
  assert.ok(quantile(large, 0.5) < 200)
  one.close()
  many.close()
  await killTree(server.child)
}))
