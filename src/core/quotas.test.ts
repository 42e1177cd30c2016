/** Rate limits: windows, blocks, exemptions, and clocks that jump. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { withServer } from '../request/testing/checked-server.ts'
import type { ServeHarness } from '../request/testing/serve-harness.ts'
import { entryPaths, inFolder, readLines } from './audit/testing.ts'
import { defaultQuotaConfig, RateLimiter, type QuotaConfig, type RateLimit } from './quotas.ts'

const second = 1000
const start = Date.UTC(2026, 0, 1)
const limit = (changes: Partial<RateLimit> = {}): RateLimit => ({ name: 'one', path: '', role: '', rate: 3, interval: 60, blockInterval: 0, inheritable: true, ...changes })
function limiter(limits: readonly RateLimit[], config: QuotaConfig = defaultQuotaConfig): RateLimiter {
  const made = new RateLimiter()
  made.configure(limits, config)
  return made
}
const allowed = (by: RateLimiter, path: string, now: number, from = '10.0.0.1'): boolean => (by.take(path, from, now)?.retryAfter ?? 0) === 0
/** How many of ten requests pass. */
const passing = (by: RateLimiter, path: string, now: number, from?: string): number => Array.from({ length: 10 }, () => allowed(by, path, now, from)).filter(Boolean).length

describe('counting', () => {
  test('as many requests pass in an interval as the rate says, for each address by itself', () => {
    const by = limiter([limit()])
    assert.equal(passing(by, 'a', start), 3)
    assert.equal(passing(by, 'a', start + 59 * second), 0)
    assert.equal(passing(by, 'a', start, '10.0.0.2'), 3)
    assert.equal(passing(by, 'a', start + 60 * second), 3)
  })

  test('who is let through is told what is left, who is not is told when to come back', () => {
    const by = limiter([limit({ rate: 2 })])
    assert.deepEqual([by.take('a', 'x', start), by.take('a', 'x', start)], [{ limit: 2, remaining: 1, retryAfter: 0 }, { limit: 2, remaining: 0, retryAfter: 0 }])
    assert.deepEqual(by.take('a', 'x', start + 10 * second), { limit: 2, remaining: 0, retryAfter: 49 })
    assert.deepEqual(by.take('a', 'x', start + 59.9 * second), { limit: 2, remaining: 0, retryAfter: 1 })
  })

  test('a rate with a fraction is rounded, and is never none at all', () => {
    assert.equal(passing(limiter([limit({ rate: 2.5 })]), 'a', start), 3)
    assert.equal(passing(limiter([limit({ rate: 0.1 })]), 'a', start), 1)
  })

  test('who exceeds a limit that blocks stays out for its time, however long the interval is', () => {
    const by = limiter([limit({ interval: 1, blockInterval: 300 })])
    assert.equal(passing(by, 'a', start), 3)
    assert.equal(passing(by, 'a', start + 299 * second), 0)
    assert.equal(passing(by, 'a', start + 300 * second), 3)
  })

  test('a clock that is set back, or far ahead, makes neither a window nor a block endless', () => {
    const tenYears = 10 * 365 * 86_400 * second
    for (const blockInterval of [0, 300]) {
      const by = limiter([limit({ blockInterval })])
      assert.equal(passing(by, 'a', start), 3)
      assert.equal(passing(by, 'a', start - tenYears), 3)
      assert.equal(passing(by, 'a', start - tenYears + 300 * second), 3)
      assert.equal(passing(by, 'a', start + tenYears), 3)
    }
  })

  test('a flood of addresses does not let those be forgotten that go on asking', () => {
    const by = limiter([limit({ rate: 1 })])
    assert.equal(allowed(by, 'a', start, 'the-flooder'), true)
    for (let i = 0; i < 110_000; i++) {
      allowed(by, 'a', start, `address ${i}`)
      if (i % 30_000 === 0) assert.equal(allowed(by, 'a', start, 'the-flooder'), false)
    }
    assert.equal(allowed(by, 'a', start, 'the-flooder'), false)
  })
})

describe('what a limit holds for', () => {
  const holds = (path: string, asked: string): boolean => limiter([limit({ path })]).take(asked, 'x', start) !== null

  test('everything, a folder, a beginning, or one path', () => {
    assert.deepEqual(['', 'a'].map((asked) => holds('', asked)), [true, true])
    assert.deepEqual(['kv/', 'kv/a', 'kv2/a', 'kv'].map((asked) => holds('kv/', asked)), [true, true, false, false])
    assert.deepEqual(['kv/app', 'kv/apple', 'kv/app/x', 'kv/ap'].map((asked) => holds('kv/app*', asked)), [true, true, true, false])
    assert.deepEqual(['kv/app', 'kv/app/', 'kv/apple', 'kv/app/x'].map((asked) => holds('kv/app', asked)), [true, true, false, false])
  })

  test('the most precise limit is the one that counts', () => {
    const by = limiter([limit(), limit({ name: 'two', path: 'kv/', rate: 5 }), limit({ name: 'three', path: 'kv/data/a', rate: 1 })])
    assert.deepEqual([passing(by, 'kv/data/a', start), passing(by, 'kv/data/b', start), passing(by, 'other', start)], [1, 5, 3])
  })

  test('exempt paths are not limited, not even by a limit for themselves', () => {
    const by = limiter([limit({ rate: 1 })], { ...defaultQuotaConfig, exemptPaths: ['sys/health', 'kv/free/*'] })
    assert.deepEqual([passing(by, 'sys/health', start), passing(by, 'kv/free/x', start), passing(by, 'sys/healthy', start)], [10, 10, 1])
  })

  test('a limit that stays the same keeps its counts when others come, change or go', () => {
    const by = limiter([limit({ name: 'z', path: 'z/' }), limit({ name: 'a', path: 'a/long/' })])
    assert.deepEqual([passing(by, 'z/', start), passing(by, 'a/long/', start)], [3, 3])
    by.configure([limit({ name: 'z', path: 'z/' }), limit({ name: 'a', path: 'a/long/' }), limit({ name: 'new', path: 'new/' })], defaultQuotaConfig)
    assert.deepEqual([passing(by, 'z/', start), passing(by, 'a/long/', start)], [0, 0])
    by.configure([limit({ name: 'z', path: 'z/' }), limit({ name: 'a', path: 'a/long/', rate: 4 })], defaultQuotaConfig)
    assert.deepEqual([passing(by, 'z/', start), passing(by, 'a/long/', start)], [0, 4])
  })
})

describe('over the API', () => {
  const set = (server: ServeHarness, data: Record<string, string | number>) => server.ok('write', 'sys/quotas/rate-limit/q', { data })
  const lookup = (server: ServeHarness, from?: string) => server.request('read', 'auth/token/lookup-self', from === undefined ? {} : { from })

  test('a limit holds from its answer on, in every process, and ends with it', () => withServer(async (server) => {
    const other = await server.sibling()
    assert.equal((await lookup(other)).status, 200)
    await set(server, { rate: 1, path: 'auth/token', interval: '1m' })
    assert.equal((await server.ok('read', 'sys/quotas/rate-limit/q')).data?.['path'], 'auth/token/')
    for (const each of [server, other]) {
      assert.deepEqual([(await lookup(each)).status, (await lookup(each)).status], [200, 429])
      assert.equal((await lookup(each, '10.0.0.9')).status, 200)
    }
    await server.ok('delete', 'sys/quotas/rate-limit/q')
    assert.deepEqual([(await lookup(server)).status, (await lookup(other)).status], [200, 200])
    await other.close()
  }))

  test('what is refused by a limit spends no use of a token, and is refused without a token as well', () => withServer(async (server) => {
    const token = String((await server.ok('write', 'auth/token/create', { data: { num_uses: 1, ttl: '1h', policies: ['default'] } })).auth?.['client_token'])
    await set(server, { rate: 1, path: 'auth/token/', interval: '1m' })
    await lookup(server)
    assert.equal((await server.request('read', 'auth/token/lookup-self', { token })).status, 429)
    assert.equal((await server.request('read', 'auth/token/lookup-self', { token: null })).status, 429)
    server.clock.advance(60)
    assert.equal((await server.request('read', 'auth/token/lookup-self', { token })).status, 200)
  }))

  test('a limit for a role counts its logins alone, from each address, and besides the limit of the path', () => withServer(async (server) => {
    await server.ok('write', 'sys/auth/approle', { data: { type: 'approle' } })
    for (const role of ['one', 'two']) {
      await server.ok('write', `auth/approle/role/${role}`, { data: { bind_secret_id: false, secret_id_bound_cidrs: '0.0.0.0/0' } })
      await server.ok('write', `auth/approle/role/${role}/role-id`, { data: { role_id: `id-${role}` } })
    }
    const login = async (role: string, from = '127.0.0.1') => (await server.request('write', 'auth/approle/login', { data: { role_id: `id-${role}` }, token: null, from })).status
    await server.ok('write', 'sys/quotas/rate-limit/role', { data: { rate: 2, interval: '1m', path: 'auth/approle', role: 'One' } })
    assert.deepEqual([await login('one'), await login('one'), await login('one'), await login('one', '10.0.0.2')], [200, 200, 429, 200])
    assert.deepEqual([await login('two'), await login('two'), await login('two'), await login('unknown')], [200, 200, 200, 400])
    await server.ok('write', 'sys/quotas/rate-limit/mount', { data: { rate: 1, interval: '1m', path: 'auth/approle' } })
    assert.deepEqual([await login('two', '10.0.0.3'), await login('two', '10.0.0.3'), await login('one', '10.0.0.4'), await login('one', '10.0.0.4')], [200, 429, 200, 429])
  }))

  test('what a limit refuses stands in the audit log where that is asked for, and only there', () => inFolder((folder) => withServer(async (server) => {
    const file = join(folder, 'audit.log')
    await server.ok('write', 'sys/audit/file', { data: { type: 'file', options: { file_path: file } } })
    await set(server, { rate: 1, path: 'auth/token/', interval: '1m' })
    const refusals = async (): Promise<readonly string[]> => {
      for (let i = 0; i < 3; i++) await lookup(server)
      // Lines are written in their order: this one comes last.
      await server.ok('read', 'sys/mounts')
      return readLines(file).filter((line) => line.includes('rate limit quota exceeded'))
    }
    assert.equal((await refusals()).length, 0)
    await server.ok('write', 'sys/quotas/config', { data: { enable_rate_limit_audit_logging: true } })
    const lines = await refusals()
    assert.deepEqual([lines.length, entryPaths(lines)[0], lines.some((line) => line.includes(server.rootToken))], [3, 'auth/token/lookup-self', false])
    await server.ok('write', 'sys/quotas/config', { data: { enable_rate_limit_audit_logging: false } })
    assert.equal((await refusals()).length, 3)
  }, { settings: { auditOverApi: true } })))

  test('what cannot be meant is refused by name', () => withServer(async (server) => {
    const bad: readonly (readonly [Record<string, string | number>, RegExp])[] = [
      [{ path: '' }, /'rate' is invalid/], [{ rate: 0 }, /'rate' is invalid/], [{ rate: -1 }, /'rate' is invalid/], [{ rate: 'many' }, /'rate' is invalid/],
      [{ rate: 1, interval: '-5s' }, /"interval": cannot be negative/], [{ rate: 1, block_interval: '-5s' }, /"block_interval": cannot be negative/],
      [{ rate: 1, path: 'nowhere/' }, /invalid mount path "nowhere\/"/], [{ rate: 1, path: 'auth/token/', role: 'r' }, /its logins have no roles/],
      [{ rate: 1, path: 'auth/token/create', role: 'r' }, /for a whole auth mount/],
    ]
    for (const [data, text] of bad) {
      const answer = await server.request('write', 'sys/quotas/rate-limit/q', { data })
      assert.equal(answer.status, 400, answer.text)
      assert.match(answer.errors.join(), text)
    }
    await set(server, { rate: 5, path: 'auth/token/' })
    assert.match((await server.request('write', 'sys/quotas/rate-limit/r', { data: { rate: 6, path: 'auth/token' } })).errors.join(), /similar properties exists under the name "q"/)
  }))
})
