import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeBase64, decodeBase64Url, parseBase64 } from './base64.ts'

test('standard base64 with padding is taken, with line ends in it or without', () => {
  for (const [text, bytes] of [['', ''], ['YQ==', 'a'], ['YWI=', 'ab'], ['YWJj', 'abc'], ['YW\r\nJj\n', 'abc']] as const) {
    assert.equal(decodeBase64(text)?.toString(), bytes, text)
  }
})

test('everything else is refused with the place of the mistake, as Go names it, and without a part of the text', () => {
  for (const [text, at] of [['not base64!', 3], ['aGVsbG8', 4], ['-_-_', 0], ['%%%', 0], ['YQ', 0], ['YQ=', 2], ['YWJj=', 4], ['YQ==YQ==', 2], ['=', 0], ['a b=', 1]] as const) {
    assert.equal(decodeBase64(text), null, text)
    assert.throws(() => parseBase64(text, 'input'), new RegExp(`input: illegal base64 data at input byte ${at}$`), text)
  }
})

test('base64url is taken without padding only', () => {
  assert.equal(decodeBase64Url('-_8')?.toString('hex'), 'fbff')
  for (const text of ['+/8', 'YQ==', 'YWJjZ', ' YQ']) assert.equal(decodeBase64Url(text), null, text)
})
