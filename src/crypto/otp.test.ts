import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { decodeBase32, encodeBase32 } from './base32.ts'
import { findTotpCounters, hotp, totp, type OtpAlgorithm, type TotpForm } from './otp.ts'

const secret = (length: number): Buffer => Buffer.from('1234567890'.repeat(7)).subarray(0, length)

test('RFC 4226, appendix D: codes by counter', () => {
  const codes = Array.from({ length: 10 }, (_, counter) => hotp(secret(20), counter, { algorithm: 'SHA1', digits: 6 }))
  assert.deepEqual(codes, ['755224', '287082', '359152', '969429', '338314', '254676', '287922', '162583', '399871', '520489'])
})

test('RFC 6238, appendix B: codes by time, with each hash', () => {
  const lengths: Record<OtpAlgorithm, number> = { SHA1: 20, SHA256: 32, SHA512: 64 }
  const expected: [seconds: number, ...codes: [string, string, string]][] = [
    [59, '94287082', '46119246', '90693936'],
    [1111111109, '07081804', '68084774', '25091201'],
    [1111111111, '14050471', '67062674', '99943326'],
    [1234567890, '89005924', '91819424', '93441116'],
    [2000000000, '69279037', '90698825', '38618901'],
    [20000000000, '65353130', '77737706', '47863826'],
  ]
  for (const [seconds, ...codes] of expected) {
    const made = (['SHA1', 'SHA256', 'SHA512'] as const).map((algorithm) => totp(secret(lengths[algorithm]), seconds * 1000, { algorithm, digits: 8, period: 30 }))
    assert.deepEqual(made, codes, `at ${seconds}`)
  }
})

test('a code is found in its own period and as many beside it as the skew says', () => {
  const form: TotpForm = { algorithm: 'SHA1', digits: 6, period: 30 }
  const code = totp(secret(20), 3_000_000, form)
  const found = (now: number, skew: number) => findTotpCounters(secret(20), code, now, { ...form, skew })
  assert.deepEqual([found(3_000_000, 0), found(3_029_999, 0), found(3_030_000, 0), found(2_999_999, 0)], [[100], [100], [], []])
  assert.deepEqual([found(3_059_999, 1), found(3_060_000, 1), found(2_970_000, 1), found(2_969_999, 1)], [[100], [], [100], []])
  assert.deepEqual(findTotpCounters(secret(20), totp(secret(20), 0, form), 0, { ...form, skew: 1 }), [0], 'there is nothing before 1970')
})

test('RFC 4648, section 10: base32', () => {
  const written = ['', 'MY', 'MZXQ', 'MZXW6', 'MZXW6YQ', 'MZXW6YTB', 'MZXW6YTBOI']
  for (const [length, text] of written.entries()) {
    const bytes = Buffer.from('foobar').subarray(0, length)
    assert.equal(encodeBase32(bytes), text)
    for (const form of [text, text.toLowerCase(), text.padEnd(Math.ceil(text.length / 8) * 8, '=')]) assert.deepEqual(decodeBase32(form), Uint8Array.from(bytes))
  }
})

test('whatever is encoded in base32 is decoded to itself', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 70 }), (bytes) => assert.deepEqual(decodeBase32(encodeBase32(bytes)), bytes)), { seed: 20261128 })
})

test('base32 says where its first mistake is', () => {
  for (const [text, wrongAt] of [['JBSWY3DP018!', 8], ['JBSW Y3DP', 4], ['A', 1], ['ABC', 3], ['ABCDEF', 6], ['AB=CDEFG', 2], ['MY==', 2], ['é', 0]] as const) {
    assert.deepEqual(decodeBase32(text), { wrongAt }, text)
  }
})
