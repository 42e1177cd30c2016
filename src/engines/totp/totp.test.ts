/** The TOTP engine: what the recordings do not show. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { missingProgram } from '../../../compat/clients/shell.ts'
import { decodeBase32, encodeBase32 } from '../../crypto/base32.ts'
import { totp, type TotpForm } from '../../crypto/otp.ts'
import { ApiError } from '../../kit/errors.ts'
import type { JsonObject } from '../../kit/json.ts'
import { memoryStore } from '../../storage/memory.ts'
import { beginTransaction } from '../../storage/transaction.ts'
import { harness, type Harness } from '../testing/harness.ts'
import { totpEngine } from './index.ts'
import { formatOtpUrl, parseOtpUrl } from './url.ts'

const fresh = (): Harness => harness({ engine: totpEngine, store: memoryStore(), begin: beginTransaction })
const skip = missingProgram(['zbarimg', '--version'])
const imported = 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP'
const form: TotpForm = { algorithm: 'SHA1', digits: 6, period: 30 }
const bytesOf = (base32: string): Uint8Array => {
  const bytes = decodeBase32(base32)
  assert.ok(!('wrongAt' in bytes))
  return bytes
}

async function withKey(extra: JsonObject = {}): Promise<Harness> {
  const run = fresh()
  assert.equal((await run.send('POST', 'keys/k', { key: imported, ...extra })).status, 204)
  return run
}
const codeAt = (now: number): string => totp(bytesOf(imported), now, form)
const validate = async (run: Harness, code: string): Promise<unknown> => {
  const { data, errors } = await run.send('POST', 'code/k', { code })
  return data === null ? errors?.[0] : data['valid']
}
const isUsed = 'code already used; wait until the next time period'

test('a phone that reads the picture shows the codes that the engine accepts', { skip }, async () => {
  const run = fresh()
  for (const size of [61, 200, 2048]) {
    const { data } = await run.send('POST', 'keys/phone', { generate: true, issuer: 'Ex Ample & Söhne', account_name: 'me@example.com', qr_size: size, digits: 8, algorithm: 'SHA256' })
    const png = Buffer.from(data?.['barcode'] as string, 'base64')
    assert.deepEqual([png.readUInt32BE(16), png.readUInt32BE(20)], [size, size])
    if (size < 100) continue // one pixel for each module is more than zbar can do, not more than the engine draws
    const read = spawnSync('zbarimg', ['--quiet', '--raw', '-'], { input: png, encoding: 'utf8' })
    assert.equal(read.stdout.trim(), data?.['url'])
    const { secret } = parseOtpUrl(read.stdout.trim())
    const code = totp(bytesOf(secret), run.clock.now, { algorithm: 'SHA256', digits: 8, period: 30 })
    assert.deepEqual((await run.send('POST', 'code/phone', { code })).data, { valid: true })
    assert.deepEqual((await run.send('GET', 'code/phone')).data, { code })
  }
})

test('RFC 6238, appendix B: the engine shows and takes its codes, with each hash', async () => {
  const seeds = { SHA1: 20, SHA256: 32, SHA512: 64 } as const
  const expected: readonly (readonly [seconds: number, SHA1: string, SHA256: string, SHA512: string])[] = [
    [59, '94287082', '46119246', '90693936'], [1111111109, '07081804', '68084774', '25091201'], [1111111111, '14050471', '67062674', '99943326'],
    [1234567890, '89005924', '91819424', '93441116'], [2000000000, '69279037', '90698825', '38618901'], [20000000000, '65353130', '77737706', '47863826'],
  ]
  for (const [seconds, ...codes] of expected) {
    const run = fresh()
    run.clock.now = seconds * 1000
    for (const [i, algorithm] of (['SHA1', 'SHA256', 'SHA512'] as const).entries()) {
      const key = encodeBase32(Buffer.from('1234567890'.repeat(7)).subarray(0, seeds[algorithm]))
      assert.equal((await run.send('POST', `keys/${algorithm}`, { key, algorithm, digits: 8, period: 30 })).status, 204)
      assert.deepEqual((await run.send('GET', `code/${algorithm}`)).data, { code: codes[i] }, `${algorithm} at ${seconds}`)
      assert.deepEqual((await run.send('POST', `code/${algorithm}`, { code: codes[i] ?? '' })).data, { valid: true })
    }
  }
})

test('a code is valid one period early and late, or only in its own without skew', async () => {
  const run = await withKey()
  const { now } = run.clock
  for (const [offset, valid] of [[-60_000, false], [-30_000, true], [0, true], [30_000, true], [60_000, false]] as const) {
    assert.equal(await validate(run, codeAt(now + offset)), valid, `${offset}`)
  }
  const strict = await withKey({ skew: 0 })
  for (const [offset, valid] of [[-30_000, false], [0, true], [30_000, false]] as const) assert.equal(await validate(strict, codeAt(now + offset)), valid)
})

test('CVE-2025-6014 (CVE-2025-55000): a code is accepted once, whatever is written around it', async () => {
  const run = await withKey()
  const code = codeAt(run.clock.now)
  assert.equal(await validate(run, code), true)
  const variants = [` ${code}`, `${code} `, `${code}\n`, `${code}\u0000`, `${code.slice(0, 3)} ${code.slice(3)}`, `+${code}`, `0${code}`, code.replace(/\d/g, (digit) => String.fromCodePoint(0xff10 + Number(digit)))]
  for (const variant of variants) assert.equal(await validate(run, variant), 'invalid number of digits for the code', JSON.stringify(variant))
  assert.equal(await validate(run, code), isUsed)
  assert.equal(await validate(run, Number(code).toString().padStart(6, '0')), isUsed)
  run.clock.now += 30_000
  assert.equal(await validate(run, code), isUsed, 'in the next period, where skew still takes it')
  run.clock.now += 30_000
  assert.equal(await validate(run, code), false, 'no code any more')
})

test('of many who give the same code at the same time, one is let in', async () => {
  const run = await withKey()
  const code = codeAt(run.clock.now)
  const answers = await Promise.all(Array.from({ length: 20 }, () => validate(run, code)))
  assert.equal(answers.filter((answer) => answer === true).length, 1)
  assert.equal(answers.filter((answer) => answer === isUsed).length, 19)
})

test('importing the same key again gives no second use of a code; another key begins anew', async () => {
  const run = await withKey()
  const code = codeAt(run.clock.now)
  assert.equal(await validate(run, code), true)
  await run.send('POST', 'keys/k', { key: imported.toLowerCase(), issuer: 'other' })
  assert.equal(await validate(run, code), isUsed)
  await run.send('POST', 'keys/k', { key: 'GEZDGNBVGY3TQOJQ' })
  assert.equal(await validate(run, totp(bytesOf('GEZDGNBVGY3TQOJQ'), run.clock.now, form)), true)
})

test('a wrong code is remembered nowhere', async () => {
  const run = await withKey()
  const wrong = String((Number(codeAt(run.clock.now)) + 1) % 1_000_000).padStart(6, '0')
  const { writes } = run.counts
  assert.deepEqual([await validate(run, wrong), await validate(run, wrong)], [false, false])
  assert.equal(run.counts.writes, writes)
})

test('sizes have limits: of the picture, the key, and of what goes into the picture', async () => {
  const run = fresh()
  const generate = async (extra: JsonObject): Promise<string | number> => {
    const { status, errors } = await run.send('POST', 'keys/k', { generate: true, issuer: 'E', account_name: 'me', ...extra })
    return errors?.[0] ?? status
  }
  assert.equal(await generate({ qr_size: 2049 }), 'the qr_size value must not be greater than 2048')
  assert.equal(await generate({ key_size: 1025 }), 'the key_size value must not be greater than 1024')
  assert.match(String(await generate({ qr_size: 20 })), /^the qr_size value must be 0, or at least \d+ for what is in this code$/)
  assert.match(String(await generate({ account_name: 'm'.repeat(2300) })), /too long for a QR code: set qr_size to 0$/)
  assert.equal(await generate({ account_name: 'm'.repeat(2300), qr_size: 0 }), 200)
  assert.match(String((await run.send('POST', 'keys/k', { key: 'A'.repeat(1648) })).errors), /must not have more than 1024 bytes/)
  assert.match(String((await run.send('POST', 'keys/k', { url: `otpauth://totp/x?secret=${'A'.repeat(8192)}` })).errors), /parsing url string/)
})

test('what a URL says goes before the fields, and a URL comes back as it was made', () => {
  const url = { issuer: 'A/B: c?', accountName: 'ä&=@x.org', algorithm: 'SHA512', digits: 8, period: 61, secret: imported } as const
  assert.deepEqual(parseOtpUrl(formatOtpUrl({ ...url, issuer: 'A/B c?' })), { ...url, issuer: 'A/B c?' })
  for (const digits of ['x', '1e1', '0x8', '9'.repeat(16), '8 8']) {
    assert.throws(() => parseOtpUrl(`otpauth://totp/a?secret=AA&digits=${digits}`), /an error occurred while parsing digits value in url/)
  }
  for (const text of ['%%%', 'totp', 'otpauth://totp/%zz?secret=AA', '']) assert.throws(() => parseOtpUrl(text), /parsing url string/)
})

test('any text is a URL or a refusal that does not show it', () => {
  const pieces = fc.constantFrom('otpauth:', '//', 'totp', '/', ':', '@', '?', '&', '=', '#', '%', '%41', '%ff', 'secret=', 'issuer=', 'digits=', 'period=', imported, '6', 'ä', ' ', '\u0000', '[', ']')
  const text = fc.oneof(fc.string({ maxLength: 60 }), fc.array(pieces, { maxLength: 20 }).map((parts) => parts.join('')))
  fc.assert(fc.property(text, (written) => {
    try {
      parseOtpUrl(written)
    } catch (error) {
      assert.ok(error instanceof ApiError && error.status === 400, String(error))
      assert.ok(!error.message.includes(imported))
    }
  }), { seed: 20261128, numRuns: Number(process.env['FUZZ_RUNS'] ?? 1000) })
})
