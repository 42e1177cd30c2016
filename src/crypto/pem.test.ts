import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mutations } from './testing/openssl.ts'
import { decodeBase64, pemDecode, pemEncode } from './pem.ts'

test('what was written is read, whatever stands around it', () => {
  const der = Buffer.from(Array.from({ length: 200 }, (_, i) => i))
  const one = pemEncode('CERTIFICATE', der)
  assert.ok(one.split('\n').every((line) => line.length <= 64))
  const text = `a note\r\n${one.replaceAll('\n', '\r\n')}\nbetween\n${pemEncode('EC PRIVATE KEY', der.subarray(0, 3))}`
  assert.deepEqual(pemDecode(text), [{ label: 'CERTIFICATE', der }, { label: 'EC PRIVATE KEY', der: der.subarray(0, 3) }])
})

test('blocks that are broken, encrypted or empty are passed over', () => {
  const key = '-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END RSA PRIVATE KEY-----'
  for (const text of ['', '-----BEGIN X-----', '-----BEGIN X-----\n-----END X-----', '-----BEGIN X-----\nAAA\n-----END X-----', '-----BEGIN X-----\nAA=A\n-----END X-----', '-----BEGIN A-----\nAAAA\n-----END B-----', key]) {
    assert.deepEqual(pemDecode(text), [], text)
  }
  assert.equal(decodeBase64('AA-_'), null)
})

test('no text makes reading PEM throw or hang', () => {
  const text = Buffer.from(`${pemEncode('CERTIFICATE', Buffer.alloc(300, 7))}\n`.repeat(3))
  for (const mutated of mutations(text, 2000, 11)) for (const { der } of pemDecode(mutated.toString('latin1'))) assert.ok(der.length > 0)
  assert.ok(pemDecode('-----BEGIN X-----'.repeat(20_000)).length === 0)
})
