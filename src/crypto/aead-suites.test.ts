import assert from 'node:assert/strict'
import { createSecretKey } from 'node:crypto'
import { test } from 'node:test'
import { aes128Gcm, aes256Gcm, chacha20Poly1305, openWith, sealDeterministic, sealWith, xchacha20Poly1305, type AeadSuite } from './aead-suites.ts'
import { wycheproof } from './testing/wycheproof.ts'

const suites: Readonly<Record<string, AeadSuite>> = {
  'aes128-gcm96': aes128Gcm, 'aes256-gcm96': aes256Gcm, 'chacha20-poly1305': chacha20Poly1305, 'xchacha20-poly1305': xchacha20Poly1305,
}
const hex = (text: string): Buffer => Buffer.from(text, 'hex')
const sunscreen = Buffer.from("Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.")
const sunscreenKey = createSecretKey(hex('808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f'))

test('AES-128-GCM is that of NIST: case 4 of McGrew and Viega', () => {
  const key = createSecretKey(hex('feffe9928665731c6d6a8f9467308308'))
  const plaintext = hex('d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39')
  const sealed = sealDeterministic(aes128Gcm, key, hex('cafebabefacedbaddecaf888'), plaintext, hex('feedfacedeadbeeffeedfacedeadbeefabaddad2'))
  assert.equal(sealed.subarray(12).toString('hex'), '42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091'
    + '5bc94fbc3221a5db94fae95ae7121a47')
})

test('ChaCha20-Poly1305 is that of RFC 8439, section 2.8.2', () => {
  const sealed = sealDeterministic(chacha20Poly1305, sunscreenKey, hex('070000004041424344454647'), sunscreen, hex('50515253c0c1c2c3c4c5c6c7'))
  assert.equal(sealed.subarray(-16).toString('hex'), '1ae10b594f09e26a7e902ecbd0600691')
})

test('XChaCha20-Poly1305 is that of draft-irtf-cfrg-xchacha-03, appendix A.3.1', () => {
  const sealed = sealDeterministic(xchacha20Poly1305, sunscreenKey, hex('404142434445464748494a4b4c4d4e4f5051525354555657'), sunscreen, hex('50515253c0c1c2c3c4c5c6c7'))
  assert.equal(sealed.subarray(24, 40).toString('hex'), 'bd6d179d3e83d43b9576579493c0e939')
  assert.equal(sealed.subarray(-16).toString('hex'), 'c0875924c1c7987947deafd8780acf49')
})

test('what Wycheproof calls valid is sealed and opened so, what it calls invalid is not opened', () => {
  for (const { type, id, key: keyText, iv, aad, msg, ct, result } of wycheproof.aead) {
    const suite = suites[type] as AeadSuite
    const key = createSecretKey(hex(keyText))
    const opened = openWith(suite, key, hex(iv + ct), hex(aad))
    assert.equal(opened?.toString('hex') ?? null, result === 'valid' ? msg : null, `${type}: ${id}`)
    if (result === 'valid') assert.equal(sealDeterministic(suite, key, hex(iv), hex(msg), hex(aad)).toString('hex'), iv + ct, `${type}: ${id}`)
  }
})

test('each suite opens what it sealed, and nothing with a changed bit, another context or another key', () => {
  for (const [name, suite] of Object.entries(suites)) {
    const key = createSecretKey(Buffer.alloc(suite.keyBytes, 7))
    for (const length of [0, 1, 64, 1000]) {
      const plaintext = Buffer.alloc(length, 3)
      const sealed = sealWith(suite, key, plaintext, hex('aa'))
      assert.equal(sealed.length, suite.nonceBytes + length + 16, name)
      assert.deepEqual(openWith(suite, key, sealed, hex('aa')), plaintext, name)
      for (let at = 0; at < sealed.length; at += 7) {
        const changed = Buffer.from(sealed)
        changed[at] = (changed[at] ?? 0) ^ 0x10
        assert.equal(openWith(suite, key, changed, hex('aa')), null, `${name}, byte ${at}`)
      }
      assert.equal(openWith(suite, key, sealed, hex('ab')), null, name)
      assert.equal(openWith(suite, key, sealed), null, name)
      assert.equal(openWith(suite, createSecretKey(Buffer.alloc(suite.keyBytes, 8)), sealed, hex('aa')), null, name)
      assert.equal(openWith(suite, key, sealed.subarray(0, suite.nonceBytes + 15), hex('aa')), null, name)
    }
  }
})

test('random nonces do not repeat, and a nonce of another length is refused', () => {
  const key = createSecretKey(Buffer.alloc(32, 1))
  const nonces = Array.from({ length: 6000 }, () => sealWith(xchacha20Poly1305, key, Buffer.alloc(0)).subarray(0, 24).toString('hex'))
  assert.equal(new Set(nonces).size, nonces.length)
  assert.equal(new Set(nonces.flatMap((nonce) => [nonce.slice(0, 24), nonce.slice(24)])).size, 2 * nonces.length)
  assert.throws(() => sealDeterministic(aes256Gcm, key, Buffer.alloc(24), Buffer.alloc(0)), RangeError)
})
