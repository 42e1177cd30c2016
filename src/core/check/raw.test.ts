import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { findInRaw } from './raw.ts'

const secret = 'correct horse'
const within = (middle: Uint8Array | string): Buffer => Buffer.concat([randomBytes(4_000), Buffer.from(middle as string), randomBytes(300)])

test('a text is found in raw bytes however it was encoded', () => {
  const json = Buffer.from(JSON.stringify({ password: secret }))
  const forms: readonly (readonly [Uint8Array | string, string])[] = [
    [secret, 'plain'],
    [Buffer.from(secret, 'utf16le'), 'UTF-16'],
    [json.toString('hex'), 'hex'],
    [json.toString('base64'), 'base64'],
    [Buffer.concat([Buffer.from('x'), json]).toString('base64'), 'base64'],
    [Buffer.concat([Buffer.from('xy'), json]).toString('base64'), 'base64'],
    [Buffer.concat([Buffer.from('xy'), json]).toString('base64url'), 'base64'],
  ]
  for (const [written, form] of forms) assert.deepEqual(
    findInRaw(within(written), ['another text', secret]).map(({ needle, form: met }) => [needle, met]), [[1, form]], form
  )
})

test('what does not hold the text has no findings, and a finding does not repeat it', () => {
  assert.deepEqual(findInRaw(within(''), [secret]), [])
  assert.equal(JSON.stringify(findInRaw(within(secret), [secret])).includes(secret), false)
})

test('texts that chance would find are refused', () => {
  assert.throws(() => findInRaw(Buffer.alloc(10), ['short']), /fewer than 6 bytes/)
})
