/**
 * Load beyond what the server can bear: it stays responsive, refuses what is too much and says when to come back, and is itself again afterwards.
 * `overload.slow.test.ts` does it at full size. Times are compared loosely: the machine of the test may have other work.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { caller, hold, quantile, residentBytes, timesDuring } from './testing/overload.ts'
import { freePort, inPlace, killTree } from './testing/process.ts'

const wave = (count: number, ask: (i: number) => Promise<unknown>): Promise<unknown> => Promise.all(Array.from({ length: count }, (_, i) => ask(i)))

async function withServer(body: (port: number, token: string, pid: number) => Promise<void>, ...args: readonly string[]): Promise<void> {
  await inPlace(async (place) => {
    const port = await freePort()
    const server = await place.started([`-data=${place.folder}/data`, `-listen=127.0.0.1:${port}`, '-dev-no-store-token', ...args])
    const token = /^Root token: (hvs\.\S{24})$/m.exec(server.out())?.[1] ?? ''
    await body(port, token, server.child.pid ?? 0)
    await killTree(server.child)
  })
}

test('a storm of logins is refused beyond what may wait, with the time to come back, and delays no reader much', () => withServer(async (port, token) => {
  const [one, many] = [caller(port, token, 1), caller(port, token, 1_500)]
  await one.ask('POST', 'sys/auth/userpass', '{"type":"userpass"}')
  await one.ask('POST', 'secret/data/a', '{"data":{"a":1}}')
  const read = (): ReturnType<typeof one.ask> => one.ask('GET', 'secret/data/a')
  const before = await timesDuring(read, new Promise((resolve) => setTimeout(resolve, 500)))
  const refused: (string | undefined)[] = []
  const statuses: Record<number, number> = {}
  // Each with a name of its own: one user would be locked out soon.
  const storm = wave(1_300, async (i) => {
    const { status, retryAfter } = await many.ask('POST', `auth/userpass/login/ann${i}`, '{"password":"wrong"}')
    if (status === 503 || status === 429) refused.push(retryAfter)
    statuses[status] = (statuses[status] ?? 0) + 1
  })
  const isFull = async (): Promise<void> => {
    for (const deadline = Date.now() + 30_000; refused.length < 50 && Date.now() < deadline; ) await pause(10)
  }
  const during = await timesDuring(read, Promise.race([storm, isFull()]))
  many.close()
  await storm
  assert.ok(refused.length > 0, `none was refused: ${JSON.stringify(statuses)}`)
  assert.deepEqual([...new Set(refused)], ['1'])
  const [calm, stormy] = [quantile(before, 0.5), quantile(during, 0.5)]
  assert.ok(stormy < Math.max(calm * 10, 100), `a read takes ${stormy} ms, before it took ${calm} ms`)
  one.close()
  // So many wait in each process.
}, '-workers=1'))

test('clients that say nothing, or half of something, or never read what they asked for, cost no others anything and little memory', (t) => withServer(async (port, token, pid) => {
  if (process.platform !== 'linux') return t.skip('looks into /proc')
  const one = caller(port, token, 1)
  await one.ask('POST', 'secret/data/big', JSON.stringify({ data: { big: 'x'.repeat(1_000_000) } }))
  const before = residentBytes(pid)
  const health = (): ReturnType<typeof one.ask> => one.ask('GET', 'sys/health')
  const release = await Promise.all([
    hold(port, 300, ''), hold(port, 300, 'POST /v1/secret/data/x HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n{'),
    hold(port, 40, `GET /v1/secret/data/big HTTP/1.1\r\nHost: a\r\nX-Vault-Token: ${token}\r\n\r\n`.repeat(5)),
  ])
  const times = await timesDuring(health, new Promise((resolve) => setTimeout(resolve, 1_000)))
  assert.ok(quantile(times, 0.5) < 100, `health takes ${quantile(times, 0.5)} ms`)
  const grown = residentBytes(pid) - before
  assert.ok(grown < 400 * 2 ** 20, `${Math.round(grown / 2 ** 20)} MiB more`)
  for (const end of release) end()
  assert.equal((await health()).status, 200)
  one.close()
}))
