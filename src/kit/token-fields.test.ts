/** What roles and users of auth methods say of the tokens they give: kept, checked, shown, turned into the terms of a login. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parseFields } from './fields.ts'
import type { JsonObject } from './json.ts'
import { changedTokenSettings, freshTokenSettings, loginWith, oldTokenFields, shownTokenSettings, tokenFields, type TokenSettings } from './token-fields.ts'

const changed = (raw: JsonObject, before: TokenSettings = freshTokenSettings): TokenSettings =>
  changedTokenSettings(before, parseFields({ ...tokenFields, ...oldTokenFields }, raw).values)
const refused = (raw: JsonObject, names: RegExp): void => assert.throws(() => changed(raw), { code: 'bad_request', message: names })

describe('a write', () => {
  test('keeps what it does not name, and may name a value of nothing', () => {
    const before = changed({ token_ttl: '20m', token_policies: 'a,b', token_num_uses: '7', token_no_default_policy: true })
    assert.deepEqual(changed({}, before), before)
    const after = changed({ token_ttl: 0, token_policies: [], token_no_default_policy: false }, before)
    assert.deepEqual([after.ttl, after.policies, after.numUses, after.noDefaultPolicy], [0, [], 7, false])
  })

  test('takes the old names, and the new one where both are given', () => {
    const { ttl, policies, period } = changed({ ttl: '10m', policies: 'old', token_policies: 'new', period: 60 })
    assert.deepEqual([ttl, policies, period], [600, ['new'], 60])
  })

  test('refuses what no token could have, naming the field', () => {
    for (const name of ['token_ttl', 'token_max_ttl', 'token_explicit_max_ttl', 'token_num_uses', 'token_period']) refused({ [name]: -1 }, new RegExp(`['"]${name}['"]`))
    refused({ token_ttl: '2h', token_max_ttl: '1h' }, /'token_ttl' cannot be greater than 'token_max_ttl'/)
    refused({ token_type: 'sort of' }, /'token_type'/)
    refused({ token_bound_cidrs: ['10.0.0.0/8', 'nonsense'] }, /"nonsense"/)
    refused({ token_type: 'batch', token_num_uses: 1 }, /'token_type'/)
    refused({ token_type: 'batch', token_period: 1 }, /'token_type'/)
  })

  test('checks what is left together with what is new', () => {
    const before = changed({ token_max_ttl: 60 })
    assert.throws(() => changed({ token_ttl: 61 }, before), { code: 'bad_request' })
    assert.throws(() => changed({ token_type: 'batch' }, changed({ token_num_uses: 1 })), { code: 'bad_request' })
  })
})

describe('a read', () => {
  test('shows every field under its new name, and an old name only as long as it is the one that was used', () => {
    const old = changed({ policies: 'a', ttl: 60 })
    const shown = shownTokenSettings(old)
    assert.deepEqual(Object.keys(tokenFields).filter((name) => !Object.hasOwn(shown, name)), [])
    assert.deepEqual([shown['policies'], shown['ttl'], Object.hasOwn(shown, 'period')], [['a'], 60, false])
    const renamed = shownTokenSettings(changed({ token_policies: 'b' }, old))
    assert.deepEqual([Object.hasOwn(renamed, 'policies'), renamed['ttl']], [false, 60])
  })

  test('shows a range of one address as the address', () => {
    const shown = shownTokenSettings(changed({ token_bound_cidrs: ['127.0.0.1/32', '::1/128', '10.0.0.0/8', '2001:db8::/32', '10.0.0.7'] }))
    assert.deepEqual(shown['token_bound_cidrs'], ['127.0.0.1', '::1', '10.0.0.0/8', '2001:db8::/32', '10.0.0.7'])
  })
})

describe('a login', () => {
  const who = { alias: { name: 'ann' }, displayName: 'ann', metadata: { a: 'b' } }

  test('is on the terms of the settings', () => {
    const terms = loginWith(changed({ token_policies: 'a', token_ttl: 1, token_max_ttl: 2, token_explicit_max_ttl: 3, token_period: 4, token_num_uses: 5, token_type: 'service', token_bound_cidrs: '10.0.0.0/8' }), '10.0.0.1', who)
    assert.deepEqual(terms, {
      ...who, internal: undefined,
      policies: ['a'], noDefaultPolicy: false, ttlSeconds: 1, maxTtlSeconds: 2, explicitMaxTtlSeconds: 3, periodSeconds: 4, numUses: 5, tokenType: 'service', boundCidrs: ['10.0.0.0/8'],
    })
  })

  test('binds the token to its address where that is asked for', () => {
    const settings = changed({ token_strictly_bind_ip: true, token_bound_cidrs: '10.0.0.0/8' })
    assert.deepEqual(loginWith(settings, '10.0.0.1', { ...who, boundCidrs: ['10.1.0.0/16'] }).boundCidrs, ['10.0.0.1'])
    assert.deepEqual(loginWith(settings, '', who).boundCidrs, ['10.0.0.0/8'])
  })

  test('binds the token to the addresses of what it was made with where that has its own', () => {
    assert.deepEqual(loginWith(changed({ token_bound_cidrs: '10.0.0.0/8' }), '10.0.0.1', { ...who, boundCidrs: ['10.1.0.0/16'] }).boundCidrs, ['10.1.0.0/16'])
  })
})
