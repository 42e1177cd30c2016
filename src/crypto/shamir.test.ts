import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { evaluate, invert, multiply } from './gf256.ts'
import { combineShares, splitSecret } from './shamir.ts'

/** Multiplication as the definition has it: polynomials over GF(2), then the remainder. */
function slowMultiply(a: number, b: number): number {
  let product = 0
  for (let bit = 0; bit < 8; bit += 1) if ((b & (1 << bit)) !== 0) product ^= a << bit
  for (let bit = 14; bit >= 8; bit -= 1) if ((product & (1 << bit)) !== 0) product ^= 0x11b << (bit - 8)
  return product
}

test('multiplication in GF(2^8) is that of the AES field, for all pairs', () => {
  // FIPS 197, sections 4.2 and 4.2.1.
  assert.equal(multiply(0x57, 0x83), 0xc1)
  assert.equal(multiply(0x57, 0x13), 0xfe)
  for (let a = 0; a < 256; a += 1) for (let b = 0; b < 256; b += 1) assert.equal(multiply(a, b), slowMultiply(a, b))
})

test('every byte but zero has an inverse', () => {
  assert.equal(invert(0), 0)
  for (let a = 1; a < 256; a += 1) assert.equal(multiply(a, invert(a)), 1)
})

test('arithmetic on shares neither branches on a secret nor looks one up in a table (CVE-2023-25000)', () => {
  for (const code of [multiply, invert].map(String)) assert.doesNotMatch(code.replace(/for \([^)]*\)/, ''), /\[|\?|\bif\b|&&|\|\|/)
})

test('shares have the format of Vault: the values at x, then x', () => {
  // f(x) = 0x42 + 0x17 x, and g(x) = 0x01 + 0x80 x, at x = 1 and x = 2, reckoned by hand.
  const shares = ['558101', '6c1a02'].map((hex) => Buffer.from(hex, 'hex'))
  assert.equal(combineShares(shares).toString('hex'), '4201')
  assert.equal(evaluate(Uint8Array.of(0x42, 0x17), 2), 0x6c)
  for (const share of splitSecret(Buffer.alloc(32, 7), 5, 3)) assert.equal(share.length, 33)
})

test('any shares that reach the threshold give the secret, in any order; fewer do not', () => {
  const counts = fc.integer({ min: 2, max: 12 }).chain((shares) => fc.tuple(fc.constant(shares), fc.integer({ min: 2, max: shares })))
  const secrets = fc.uint8Array({ minLength: 1, maxLength: 40 })
  const order = fc.array(fc.nat(), { minLength: 12, maxLength: 12 })
  fc.assert(fc.property(counts, secrets, order, ([shares, threshold], bytes, ranks) => {
    const secret = Buffer.from(bytes)
    const chosen = splitSecret(secret, shares, threshold).map((share, i) => ({ share, rank: ranks[i] as number }))
    const shuffled = chosen.sort((one, other) => one.rank - other.rank).map(({ share }) => share)
    assert.deepEqual(combineShares(shuffled.slice(0, threshold)), secret)
    assert.deepEqual(combineShares(shuffled), secret)
    if (threshold > 2 && secret.length > 4) assert.notDeepEqual(combineShares(shuffled.slice(0, threshold - 1)), secret)
  }), { seed: 11, numRuns: 150 })
})

test('255 shares are possible, all at different places, none at zero', () => {
  const secret = randomBytes(32)
  const shares = splitSecret(secret, 255, 255)
  const places = shares.map((share) => share[32])
  assert.equal(new Set(places).size, 255)
  assert.ok(!places.includes(0))
  assert.deepEqual(combineShares(shares), secret)
})

test('what cannot be shares of one secret is refused', () => {
  const [one, other] = splitSecret(Buffer.alloc(4, 1), 2, 2) as [Buffer, Buffer]
  const atZero = Buffer.from('0102030400', 'hex')
  for (const shares of [[], [one], [one, one], [one, other.subarray(1)], [one, atZero], [Buffer.of(1), Buffer.of(2)]]) {
    assert.throws(() => combineShares(shares), { code: 'bad_request' })
  }
})

test('splits that make no sense are refused', () => {
  for (const [shares, threshold] of [[1, 1], [2, 1], [2, 3], [256, 2], [2.5, 2], [3, Number.NaN]] as const) {
    assert.throws(() => splitSecret(Buffer.alloc(4), shares, threshold), { code: 'internal' })
  }
  assert.throws(() => splitSecret(Buffer.alloc(0), 2, 2), { code: 'internal' })
})
