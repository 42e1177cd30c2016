/** Certificates, requests and lists against OpenSSL and Node: what is written is read there, and what is made there is read here. */
import assert from 'node:assert/strict'
import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import { DerError } from '../der-reader.ts'
import { pemDecode, pemEncode } from '../pem.ts'
import { mutations, openSsl } from '../testing/openssl.ts'
import { findAlgorithm, signatureAlgorithms, type SignatureAlgorithm } from './algorithms.ts'
import { isCa, isIssuedBy, isSelfSigned, keyUsageOf, parseCertificate, pathLengthOf, serialText, subjectKeyIdOf, authorityKeyIdOf, writeCertificate, type CertificateParts, type Signer } from './certificate.ts'
import { parseRevocationList, writeEntry, writeRevocationList } from './crl.ts'
import {
  alternativeNames, authorityInfoAccess, authorityKeyId, basicConstraints, certificatePolicies, crlDistributionPoints, extensionIds, extKeyUsage, freshestCrl, keyUsage, nameConstraints, parseDistributionPoints,
  parseExtKeyUsage, subjectKeyId,
} from './extensions.ts'
import { ipBytes, ipText, parseNames, writeNames } from './general-names.ts'
import { findPrivateKey, generateKey, keyIdOf, kindOf, privateKeyOf, privatePem, spkiOf, toPkcs8, type KeyType } from './keys.ts'
import { attributeTypes, parseName, valuesOf, writeName } from './name.ts'
import { isIssuerOf, ocspStatusOf, parseOcspRequest, writeOcspResponse } from './ocsp.ts'
import { parseRequest, writeRequest } from './request.ts'

const now = Date.UTC(2026, 0, 1)
const day = 86_400_000
const names = { dns: ['a.example.com', '*.example.com'], email: ['me@example.com'], ip: ['10.0.0.1', '2001:db8::1'], uri: ['spiffe://example.com/x'], other: [{ oid: '1.3.6.1.4.1.311.20.2.3', value: 'me@example.com' }] }
const named = (commonName: string): Buffer => writeName([[{ type: attributeTypes.country, value: 'DE' }], [{ type: attributeTypes.organization, value: 'Größe' }], [{ type: attributeTypes.commonName, value: commonName }]])

interface Pair extends Signer {
  readonly spki: Buffer
}

async function signerOf(type: KeyType, bits: number, algorithm: SignatureAlgorithm): Promise<Pair> {
  const { privateDer, spki } = await generateKey(type, bits)
  return { algorithm, key: privateKeyOf(type, privateDer), spki }
}

const algorithmNamed = (name: string): SignatureAlgorithm => {
  const found = findAlgorithm(name)
  assert.ok(found)
  return found
}

function parts(issuer: Buffer, subject: Buffer, spki: Buffer, extensions: readonly Buffer[]): CertificateParts {
  return { serial: Buffer.from('40aabbccddeeff00112233445566778899aabbcc', 'hex'), issuer, subject, notBefore: now, notAfter: now + 365 * day, spki, extensions }
}

async function root(signer: Pair): Promise<Buffer> {
  const name = named('Root')
  const id = keyIdOf(signer.spki)
  const constraints = nameConstraints({ dns: ['example.com'], email: [], uri: [], ip: [Buffer.from('0a000000ff000000', 'hex')] }, { dns: ['bad.example.com'], email: [], uri: [], ip: [] })
  return writeCertificate(parts(name, name, signer.spki, [keyUsage([5, 6]), basicConstraints(true, 1), subjectKeyId(id), authorityKeyId(id), constraints]), signer)
}

const leafExtensionList = (spki: Buffer, authority: Buffer): Buffer[] => [
  keyUsage([0, 2]), extKeyUsage(['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']), subjectKeyId(keyIdOf(spki)), authorityKeyId(authority), authorityInfoAccess(['http://o.example.com/'], ['http://i.example.com/ca']),
  alternativeNames({ ...names, ip: ['10.0.0.1'], email: [], uri: [], other: [] }, false), certificatePolicies([{ oid: '1.2.3.4', cps: 'https://example.com/cps', notice: 'a notice' }, { oid: '2.23.140.1.2.1', cps: '', notice: '' }]),
  crlDistributionPoints(['http://c.example.com/crl']), freshestCrl(['http://c.example.com/delta']),
]

for (const [type, bits, name] of [['rsa', 2048, 'SHA256WithRSA'], ['rsa', 2048, 'SHA384WithRSAPSS'], ['ec', 224, 'ECDSAWithSHA256'], ['ec', 256, 'ECDSAWithSHA256'], ['ec', 384, 'ECDSAWithSHA384'], ['ec', 521, 'ECDSAWithSHA512'], ['ed25519', 0, 'Ed25519']] as const) {
  test(`a chain signed with ${name} (${bits}) is valid for OpenSSL and Node`, async (t) => {
    const ssl = openSsl(t)
    const signer = await signerOf(type, bits, algorithmNamed(name))
    const ca = await root(signer)
    const leafKey = await generateKey('ec', 256)
    const leaf = await writeCertificate(parts(named('Root'), named('leaf'), leafKey.spki, leafExtensionList(leafKey.spki, keyIdOf(signer.spki))), signer)
    ssl.write('ca.pem', pemEncode('CERTIFICATE', ca))
    ssl.write('leaf.pem', pemEncode('CERTIFICATE', leaf))
    assert.match(ssl.run('verify', '-x509_strict', '-attime', `${now / 1000 + 60}`, '-CAfile', 'ca.pem', 'leaf.pem'), /leaf.pem: OK/)
    const [parsedCa, parsedLeaf] = [parseCertificate(ca), parseCertificate(leaf)]
    assert.ok(isSelfSigned(parsedCa) && isIssuedBy(parsedLeaf, parsedCa) && !isIssuedBy(parsedCa, parsedLeaf))
    assert.ok(new X509Certificate(leaf).verify(new X509Certificate(ca).publicKey))
  })
}

test('OpenSSL and Node read every extension as it was meant', async (t) => {
  const ssl = openSsl(t)
  const signer = await signerOf('ec', 256, algorithmNamed('ECDSAWithSHA256'))
  const leaf = await writeCertificate(parts(named('Root'), named('leaf'), signer.spki, [...leafExtensionList(signer.spki, keyIdOf(signer.spki)).filter((one) => !one.includes(Buffer.from('0603551d11', 'hex'))), alternativeNames(names, true)]), signer)
  ssl.write('leaf.der', leaf)
  const text = ssl.run('x509', '-inform', 'DER', '-in', 'leaf.der', '-noout', '-text', '-nameopt', 'utf8')
  for (const expected of [
    /Subject: C=DE, O=Größe, CN=leaf/, /40:aa:bb:cc/, /Digital Signature, Key Encipherment/, /TLS Web Server Authentication, TLS Web Client Authentication/, /OCSP - URI:http:\/\/o\.example\.com\//,
    /CA Issuers - URI:http:\/\/i\.example\.com\/ca/, /X509v3 Subject Alternative Name: critical/, /DNS:a\.example\.com, DNS:\*\.example\.com, email:me@example\.com, IP Address:10\.0\.0\.1, IP Address:2001:DB8:0:0:0:0:0:1, URI:spiffe:\/\/example\.com\/x, othername: UPN::me@example\.com/,
    /Policy: 1\.2\.3\.4/, /CPS: https:\/\/example\.com\/cps/, /Explicit Text: a notice/, /CRL Distribution Points[\s\S]*http:\/\/c\.example\.com\/crl/, /Freshest CRL[\s\S]*http:\/\/c\.example\.com\/delta/,
  ]) assert.match(text, expected)
  const node = new X509Certificate(leaf)
  assert.equal(node.subject, 'C=DE\nO=Größe\nCN=leaf')
  assert.equal(node.serialNumber.toLowerCase(), '40aabbccddeeff00112233445566778899aabbcc')
  assert.equal(Date.parse(node.validTo), now + 365 * day)
  const parsed = parseCertificate(leaf)
  assert.equal(serialText(parsed.serial), node.serialNumber.toLowerCase().replaceAll(/(..)(?=.)/g, '$1:'))
  assert.deepEqual(keyUsageOf(parsed), [0, 2])
  assert.deepEqual(parseDistributionPoints(parsed.extensions.get(extensionIds.crlDistributionPoints)?.value ?? Buffer.alloc(0)), ['http://c.example.com/crl'])
  assert.deepEqual(parseExtKeyUsage(parsed.extensions.get(extensionIds.extKeyUsage)?.value ?? Buffer.alloc(0)), ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2'])
  assert.deepEqual(subjectKeyIdOf(parsed), keyIdOf(signer.spki))
  assert.deepEqual(authorityKeyIdOf(parsed), keyIdOf(signer.spki))
})

test('certificates and requests that OpenSSL made are read', async (t) => {
  const ssl = openSsl(t)
  for (const [i, options] of [['-newkey', 'rsa:2048'], ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-384'], ['-newkey', 'ed25519'], ['-newkey', 'rsa:2048', '-sigopt', 'rsa_padding_mode:pss', '-sigopt', 'rsa_pss_saltlen:32', '-sha256']].entries()) {
    const made = ['req', ...options, '-nodes', '-keyout', `k${i}`, '-subj', '/C=FR/O=Org/CN=made there', '-addext', 'subjectAltName=DNS:x.example.com,IP:10.1.2.3,URI:https://x/y,email:a@b.c']
    ssl.run(...made, '-x509', '-days', '10', '-out', `c${i}`)
    ssl.run(...made, '-out', `r${i}`)
    const [block] = pemDecode(ssl.read(`c${i}`).toString())
    const certificate = parseCertificate(block?.der ?? Buffer.alloc(0))
    assert.ok(isSelfSigned(certificate) && isCa(certificate) && pathLengthOf(certificate) === null, `c${i}`)
    assert.deepEqual(valuesOf(parseName(certificate.subject), attributeTypes.commonName), ['made there'])
    const request = parseRequest(pemDecode(ssl.read(`r${i}`).toString())[0]?.der ?? Buffer.alloc(0))
    assert.ok(await request.isSignatureValid())
    assert.deepEqual(request.names, { dns: ['x.example.com'], email: ['a@b.c'], ip: ['10.1.2.3'], uri: ['https://x/y'], other: [], unknown: 0 })
    const key = findPrivateKey(pemDecode(ssl.read(`k${i}`).toString())[0]?.der ?? Buffer.alloc(0))
    assert.ok(key && spkiOf(key).equals(request.spki))
  }
})

test('requests are valid for OpenSSL, and a changed one is not', async (t) => {
  const ssl = openSsl(t)
  for (const [type, bits, name] of [['rsa', 2048, 'SHA256WithRSA'], ['ec', 256, 'ECDSAWithSHA256'], ['ed25519', 0, 'Ed25519']] as const) {
    const signer = await signerOf(type, bits, algorithmNamed(name))
    const der = await writeRequest(named('wish'), signer.spki, [basicConstraints(true, null), alternativeNames(names, false)], signer)
    ssl.write('r.pem', pemEncode('CERTIFICATE REQUEST', der))
    assert.match(ssl.run('req', '-in', 'r.pem', '-noout', '-verify', '-text'), /CA:TRUE[\s\S]*DNS:a\.example\.com/)
    assert.ok(await parseRequest(der).isSignatureValid())
    const changed = Buffer.from(der)
    changed[der.indexOf('wish')] = 0x57
    assert.ok(!(await parseRequest(changed).isSignatureValid()))
  }
})

test('keys in every form are those that OpenSSL knows', async (t) => {
  const ssl = openSsl(t)
  for (const [type, bits] of [['rsa', 2048], ['ec', 224], ['ec', 521], ['ed25519', 0]] as const) {
    const { privateDer, spki } = await generateKey(type, bits)
    for (const pem of [privatePem(type, privateDer), pemEncode('PRIVATE KEY', toPkcs8(type, privateDer))]) {
      ssl.write('k.pem', pem)
      assert.equal(ssl.run('pkey', '-in', 'k.pem', '-pubout'), `${pemEncode('PUBLIC KEY', spki)}\n`)
      assert.deepEqual(kindOf(createPrivateKey(pem)), { type, bits })
      assert.deepEqual(findPrivateKey(pemDecode(pem)[0]?.der ?? Buffer.alloc(0))?.export({ type: 'pkcs8', format: 'der' }), toPkcs8(type, privateDer))
    }
    assert.equal(kindOf(createPublicKey({ key: spki, format: 'der', type: 'spki' }))?.type, type)
  }
  assert.equal(findPrivateKey(Buffer.from('3003020100', 'hex')), null)
})

test('lists and delta lists are valid for OpenSSL', async (t) => {
  const ssl = openSsl(t)
  const signer = await signerOf('ec', 256, algorithmNamed('ECDSAWithSHA256'))
  ssl.write('ca.pem', pemEncode('CERTIFICATE', await root(signer)))
  const entries = [{ serial: Buffer.from('80ff', 'hex'), revokedAt: now }, { serial: Buffer.from('01', 'hex'), revokedAt: now + 1000 }]
  const common = { issuer: named('Root'), issuerKeyId: keyIdOf(signer.spki), thisUpdate: now, nextUpdate: now + day }
  const complete = await writeRevocationList({ ...common, number: 300n, deltaOf: null, entries: entries.map((one) => writeEntry(one)) }, signer)
  const delta = await writeRevocationList({ ...common, number: 301n, deltaOf: 300n, entries: [] }, signer)
  ssl.write('c.pem', pemEncode('X509 CRL', complete))
  ssl.write('d.pem', pemEncode('X509 CRL', delta))
  assert.match(ssl.run('crl', '-in', 'c.pem', '-CAfile', 'ca.pem', '-noout', '-text'), /300[\s\S]*Serial Number: 80FF[\s\S]*Serial Number: 01[\s\S]*verify OK/)
  assert.match(ssl.run('crl', '-in', 'd.pem', '-CAfile', 'ca.pem', '-noout', '-text'), /Delta CRL Indicator: critical\s+300[\s\S]*No Revoked Certificates[\s\S]*verify OK/)
  const parsed = parseRevocationList(complete)
  assert.deepEqual(parsed.entries.map(({ serial, revokedAt }) => [Buffer.from(serial).toString('hex'), revokedAt]), [['0080ff', now], ['01', now + 1000]])
  assert.deepEqual([parsed.thisUpdate, parsed.nextUpdate, parsed.issuer], [now, now + day, named('Root')])
})

test('OpenSSL asks over OCSP and believes the answer', async (t) => {
  const ssl = openSsl(t)
  const signer = await signerOf('ec', 256, algorithmNamed('ECDSAWithSHA256'))
  const ca = await root(signer)
  ssl.write('ca.pem', pemEncode('CERTIFICATE', ca))
  ssl.run('ocsp', '-issuer', 'ca.pem', '-serial', '0x1234', '-serial', '0x99', '-reqout', 'q.der')
  const request = parseOcspRequest(ssl.read('q.der'))
  assert.ok(request.nonce !== null && request.ids.every((id) => isIssuerOf(id, named('Root'), signer.spki)))
  assert.ok(request.ids.every((id) => !isIssuerOf(id, named('Other'), signer.spki)))
  const at = Date.now()
  const statuses = request.ids.map((id) => ({ id, status: id.serial.toString('hex') === '99' ? { revokedAt: at - day } : ('good' as const) }))
  const response = await writeOcspResponse({ statuses, nonce: request.nonce, responderKeyHash: keyIdOf(signer.spki), now: at, nextUpdate: at + day }, signer)
  assert.equal(ocspStatusOf(response), 0)
  ssl.write('a.der', response)
  const asked = ['ocsp', '-issuer', 'ca.pem', '-respin', 'a.der', '-CAfile', 'ca.pem', '-no_check_time']
  assert.match(ssl.run(...asked, '-reqin', 'q.der'), /Response verify OK/)
  assert.match(ssl.run(...asked, '-serial', '0x1234', '-serial', '0x99', '-no_nonce'), /0x1234: good[\s\S]*0x99: revoked[\s\S]*Response verify OK/)
})

test('addresses are written and read in their shortest form', () => {
  for (const text of ['10.0.0.1', '::', '::1', '2001:db8::1', '2001:db8:0:1::', 'fe80::1:0:0:2', '1:2:3:4:5:6:7:8']) assert.equal(ipText(ipBytes(text)), text)
  assert.equal(ipText(ipBytes('::ffff:10.0.0.1')), '10.0.0.1')
  assert.equal(ipText(ipBytes('64:ff9b::10.0.0.1')), '64:ff9b::a00:1')
  for (const bad of ['', '1.2.3', '::g', 'fe80::1%eth0', '1::2::3']) assert.throws(() => ipBytes(bad))
  assert.deepEqual(parseNames(writeNames(names)), { ...names, unknown: 0 })
})

test('algorithms without a place here are not believed', async () => {
  assert.equal(new Set(signatureAlgorithms.map(({ der }) => der.toString('hex'))).size, signatureAlgorithms.length)
  const signer = await signerOf('ec', 256, algorithmNamed('ECDSAWithSHA256'))
  const forged = Buffer.from(await root(signer))
  const last = forged.length - 1
  forged[last] = (forged[last] ?? 0) ^ 1
  assert.ok(!isSelfSigned(parseCertificate(forged)))
})

test('no bytes make a parser throw anything but a DerError, or hang', async () => {
  const signer = await signerOf('ec', 256, algorithmNamed('ECDSAWithSHA256'))
  const samples: readonly (readonly [Buffer, (der: Buffer) => unknown])[] = [
    [await writeCertificate(parts(named('Root'), named('leaf'), signer.spki, [...leafExtensionList(signer.spki, keyIdOf(signer.spki)), basicConstraints(true, 3)]), signer), (der) => {
      const certificate = parseCertificate(der)
      parseName(certificate.subject)
      isCa(certificate)
      keyUsageOf(certificate)
      return isSelfSigned(certificate)
    }],
    [await writeRequest(named('wish'), signer.spki, [alternativeNames(names, false)], signer), (der) => parseRequest(der).isSignatureValid()],
    [await writeRevocationList({ issuer: named('Root'), issuerKeyId: null, number: 1n, deltaOf: null, thisUpdate: now, nextUpdate: now + day, entries: [writeEntry({ serial: Buffer.from('1234', 'hex'), revokedAt: now })] }, signer), parseRevocationList],
  ]
  let refused = 0
  for (const [i, [sample, parse]] of samples.entries()) {
    for (const mutated of mutations(sample, 3000, 100 + i)) {
      try {
        await parse(mutated)
      } catch (error) {
        assert.ok(error instanceof DerError, `${mutated.toString('hex')}: ${String(error)}`)
        refused++
      }
    }
  }
  assert.ok(refused > 5000, `only ${refused} were refused`)
})
