/** Signed and enveloped data against OpenSSL, and against bytes that are neither. */
import assert from 'node:assert/strict'
import { createPrivateKey, randomBytes, X509Certificate, type KeyObject } from 'node:crypto'
import { test, type TestContext } from 'node:test'
import { printable } from '../der.ts'
import { DerError } from '../der-reader.ts'
import { mutations, openSsl, type OpenSsl } from '../testing/openssl.ts'
import { parseCertificate } from '../x509/certificate.ts'
import { writeCertificatesOnly } from './certificates-only.ts'
import { contentCiphers, openEnvelope, parseEnvelopedData, writeEnvelopedData } from './enveloped-data.ts'
import { isSignedDataBy, parseSignedData, writeSignedData } from './signed-data.ts'

const content = Buffer.from('what is inside')

interface Holder {
  readonly ssl: OpenSsl
  readonly certificate: ReturnType<typeof parseCertificate>
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
}

function holder(t: TestContext): Holder {
  const ssl = openSsl(t)
  ssl.run('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', 'k.pem', '-out', 'c.pem', '-subj', '/CN=holder', '-days', '2', '-set_serial', '0xf00d')
  const { raw, publicKey } = new X509Certificate(ssl.read('c.pem'))
  return { ssl, certificate: parseCertificate(raw), privateKey: createPrivateKey(ssl.read('k.pem')), publicKey }
}

test('envelopes of OpenSSL are opened, and OpenSSL opens ours', (t) => {
  const { ssl, certificate, privateKey, publicKey } = holder(t)
  for (const [cipher, name] of [['-aes-128-cbc', 'aes128-cbc'], ['-aes-256-cbc', 'aes256-cbc'], ['-des-ede3-cbc', '3des-cbc']] as const) {
    ssl.write('plain', content)
    ssl.run('cms', '-encrypt', '-binary', '-outform', 'DER', cipher, '-in', 'plain', '-out', 'theirs', 'c.pem')
    const theirs = parseEnvelopedData(ssl.read('theirs'))
    const [recipient] = theirs.recipients
    assert.ok(recipient && recipient.serial.equals(certificate.serial) && recipient.issuer.equals(certificate.issuer))
    assert.equal(theirs.cipher.name, name)
    assert.deepEqual(openEnvelope(theirs, recipient.encryptedKey, privateKey, randomBytes), content)
    ssl.write('ours', writeEnvelopedData(content, { issuer: certificate.issuer, serial: certificate.serial, key: publicKey }, theirs.cipher, randomBytes))
    ssl.run('cms', '-decrypt', '-binary', '-inform', 'DER', '-in', 'ours', '-inkey', 'k.pem', '-recip', 'c.pem', '-out', 'opened')
    assert.deepEqual(ssl.read('opened'), content)
  }
})

test('a content key that was encrypted wrongly opens nothing, and throws nothing', (t) => {
  const { certificate, privateKey, publicKey } = holder(t)
  const [cipher] = contentCiphers
  assert.ok(cipher)
  const made = parseEnvelopedData(writeEnvelopedData(content, { issuer: certificate.issuer, serial: certificate.serial, key: publicKey }, cipher, randomBytes))
  let opened = 0
  for (let i = 0; i < 50; i++) {
    const wrong = i === 0 ? Buffer.alloc(256, 0xff) : i === 1 ? Buffer.alloc(3) : randomBytes(256)
    wrong[0] = i === 0 ? 0xff : 0
    // One in 256 random keys happens to lead to a valid padding of the content.
    if (openEnvelope(made, wrong, privateKey, randomBytes)?.equals(content) === true) opened++
  }
  assert.equal(opened, 0)
})

test('OpenSSL believes our signature, and we believe the one of OpenSSL and no changed one', async (t) => {
  const { ssl, certificate, privateKey, publicKey } = holder(t)
  const ours = await writeSignedData({ content, certificates: [certificate.der], issuer: certificate.issuer, serial: certificate.serial, digest: 'sha256', key: privateKey, attributes: [{ type: '2.16.840.1.113733.1.9.2', value: printable('3') }] })
  ssl.write('ours', ours)
  assert.match(ssl.run('cms', '-verify', '-binary', '-inform', 'DER', '-in', 'ours', '-CAfile', 'c.pem', '-purpose', 'any'), /what is inside[\s\S]*successful/)
  for (const digest of ['-sha256', '-sha512']) {
    ssl.write('plain', content)
    ssl.run('cms', '-sign', '-binary', '-nodetach', '-outform', 'DER', '-md', digest.slice(1), '-in', 'plain', '-signer', 'c.pem', '-inkey', 'k.pem', '-out', 'theirs')
    const theirs = parseSignedData(ssl.read('theirs'))
    assert.deepEqual([theirs.content, theirs.digest], [content, digest.slice(1)])
    assert.ok(isSignedDataBy(theirs, publicKey))
    assert.ok(!isSignedDataBy({ ...theirs, content: Buffer.from('something else') }, publicKey))
    assert.ok(!isSignedDataBy({ ...theirs, signature: Buffer.alloc(256) }, publicKey))
  }
  ssl.write('only', writeCertificatesOnly([certificate.der]))
  assert.match(ssl.run('pkcs7', '-inform', 'DER', '-in', 'only', '-print_certs'), /subject=CN = holder/)
})

test('no bytes make a parser throw anything but a DerError, or hang', async (t) => {
  const { certificate, privateKey, publicKey } = holder(t)
  const [cipher] = contentCiphers
  assert.ok(cipher)
  const envelope = writeEnvelopedData(content, { issuer: certificate.issuer, serial: certificate.serial, key: publicKey }, cipher, randomBytes)
  const signed = await writeSignedData({ content, certificates: [certificate.der], issuer: certificate.issuer, serial: certificate.serial, digest: 'sha256', key: privateKey, attributes: [] })
  let refused = 0
  for (const [i, [sample, parse]] of ([[envelope, parseEnvelopedData], [signed, parseSignedData]] as const).entries()) {
    for (const mutated of mutations(sample, 3000, 7 + i)) {
      try {
        parse(mutated)
      } catch (error) {
        assert.ok(error instanceof DerError, `${mutated.toString('hex')}: ${String(error)}`)
        refused++
      }
    }
  }
  assert.ok(refused > 800, `only ${refused} were refused`)
})
