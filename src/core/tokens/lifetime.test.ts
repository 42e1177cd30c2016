/** Vault's rules for how long a token lives, one by one and together. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { lifetimeOf, type LifetimeQuestion } from './lifetime.ts'

const day = 86_400
const madeAt = Date.UTC(2026, 0, 1)
const fresh: LifetimeQuestion = { increment: 0, ttl: 0, maxTtl: 0, explicitMaxTtl: 0, period: 0, mountDefault: 32 * day, mountMax: 32 * day, issuedAt: madeAt, now: madeAt }

interface Row {
  readonly rule: string
  readonly ask: Partial<LifetimeQuestion>
  /** Seconds since the token was made. */
  readonly age?: number
  readonly ttl: number | 'refused'
  readonly warns?: RegExp
}

const rows: readonly Row[] = [
  { rule: 'without wishes, the default of the mount', ask: { mountDefault: 3600 }, ttl: 3600 },
  { rule: 'what the role says comes before the default of the mount', ask: { ttl: 60, mountDefault: 3600 }, ttl: 60 },
  { rule: 'what is asked for comes before what the role says', ask: { increment: 90, ttl: 60 }, ttl: 90 },
  { rule: 'the maximum of the mount caps it, and says so', ask: { increment: 10 * 3600, mountMax: 7200 }, ttl: 7200, warns: /^TTL of "10h" exceeded the effective max_ttl of "2h"; TTL value is capped accordingly$/ },
  { rule: 'the default of the mount is capped like anything else', ask: { mountMax: 7200 }, ttl: 7200, warns: /^TTL of "768h"/ },
  { rule: 'the maximum of the role caps it where it is the shorter', ask: { ttl: 7200, maxTtl: 3600 }, ttl: 3600, warns: /"1h"/ },
  { rule: 'the maximum of the role does not lift that of the mount', ask: { ttl: 7200, maxTtl: 9000, mountMax: 3600 }, ttl: 3600, warns: /"1h"/ },
  { rule: 'the explicit maximum caps it where it is the shortest', ask: { ttl: 7200, maxTtl: 3600, explicitMaxTtl: 60 }, ttl: 60, warns: /"1m"/ },
  { rule: 'an explicit maximum does not lift that of the mount', ask: { ttl: 7200, explicitMaxTtl: 9000, mountMax: 3600 }, ttl: 3600, warns: /"1h"/ },
  { rule: 'a renewal gets what it asks for while enough is left', ask: { increment: 3600, mountMax: 7200 }, age: 3600, ttl: 3600 },
  { rule: 'a renewal gets what is left of the maximum, counted from the beginning', ask: { increment: 3600, mountMax: 7200 }, age: 5400, ttl: 1800, warns: /^TTL of "1h" exceeded the effective max_ttl of "30m"/ },
  { rule: 'a renewal gets what is left of the explicit maximum', ask: { increment: 3600, explicitMaxTtl: 4000 }, age: 3000, ttl: 1000, warns: /"16m40s"/ },
  { rule: 'at the end of its longest life nothing is renewed', ask: { increment: 3600, mountMax: 7200 }, age: 7200, ttl: 'refused' },
  { rule: 'beyond its longest life, shortened meanwhile, nothing is renewed', ask: { increment: 10, mountMax: 60 }, age: 3600, ttl: 'refused' },
  { rule: 'a periodic token gets its period whatever is asked for', ask: { period: 600, increment: 7200, ttl: 60 }, ttl: 600 },
  { rule: 'a periodic token gets its period also beyond every maximum of mount and role', ask: { period: 600, mountMax: 7200, maxTtl: 3600 }, age: 100 * day, ttl: 600 },
  { rule: 'a period is capped by the maximum of the mount', ask: { period: 9000, mountMax: 3600 }, ttl: 3600, warns: /^period of "2h30m" exceeded the effective max_ttl of "1h"; period value is capped accordingly$/ },
  { rule: 'a period is capped by the maximum of the role', ask: { period: 9000, maxTtl: 60 }, ttl: 60, warns: /^period/ },
  { rule: 'a periodic token ends at its explicit maximum', ask: { period: 600, explicitMaxTtl: 1000 }, age: 700, ttl: 300, warns: /^TTL of "10m" exceeded the effective max_ttl of "5m"/ },
  { rule: 'a periodic token beyond its explicit maximum is not renewed', ask: { period: 600, explicitMaxTtl: 1000 }, age: 1000, ttl: 'refused' },
  { rule: 'a clock that was set back makes no token live longer than its maximum', ask: { increment: 10 * 365 * day, mountMax: 7200 }, age: -10 * 365 * day, ttl: 7200, warns: /"2h"/ },
  { rule: 'a clock that was set far ahead ends what is not periodic', ask: { increment: 3600 }, age: 10 * 365 * day, ttl: 'refused' },
]

for (const { rule, ask, age = 0, ttl, warns } of rows) {
  test(rule, () => {
    const question = { ...fresh, ...ask, now: madeAt + age * 1000 }
    if (ttl === 'refused') return assert.throws(() => lifetimeOf(question), { code: 'bad_request', message: 'past the max TTL, cannot renew' })
    const made = lifetimeOf(question)
    assert.equal(made.ttl, ttl)
    assert.equal(made.warnings.length, warns === undefined ? 0 : 1)
    if (warns !== undefined) assert.match(made.warnings[0] as string, warns)
  })
}

test('a mount without a longest lease time gives none', () => {
  for (const mountMax of [0, -5]) assert.throws(() => lifetimeOf({ ...fresh, mountMax }), { code: 'internal' })
})

test('whatever is asked for: whole positive seconds, and no limit is exceeded', () => {
  const seconds = fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 40 * day }))
  fc.assert(
    fc.property(seconds, seconds, seconds, seconds, seconds, fc.integer({ min: 1, max: 40 * day }), fc.integer({ min: -day, max: 40 * day * 1000 }), (increment, ttl, maxTtl, explicitMaxTtl, period, mountMax, ageMs) => {
      let made: ReturnType<typeof lifetimeOf>
      try {
        made = lifetimeOf({ ...fresh, increment, ttl, maxTtl, explicitMaxTtl, period, mountMax, now: madeAt + ageMs })
      } catch {
        return
      }
      assert.ok(Number.isInteger(made.ttl) && made.ttl > 0)
      assert.ok(made.ttl <= mountMax)
      const age = Math.max(0, Math.floor(ageMs / 1000))
      if (explicitMaxTtl > 0) assert.ok(age + made.ttl <= explicitMaxTtl)
      if (period === 0) assert.ok(age + made.ttl <= Math.min(mountMax, maxTtl || Infinity))
      else assert.ok(made.ttl <= period)
    }),
    { seed: 3, numRuns: 1000 },
  )
})
