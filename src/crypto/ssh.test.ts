/** Keys and certificates of SSH, against OpenSSH's own tool. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { missingProgram } from '../../compat/clients/shell.ts'
import { rsaSignatures, signSshCertificate, sshSigner, type SshCertificate } from './ssh-certificate.ts'
import { formatSshPrivateKey, generateSshKey, parseSshPrivateKey, type SshKeyForm } from './ssh-private-key.ts'
import { formatSshPublicKey, parseSshBlob, parseSshPublicKey, sshPublicKeyOf } from './ssh-public-key.ts'
import { SshFormatError, SshReader, sshMpint, sshString, sshUint32 } from './ssh-wire.ts'

const skip = missingProgram(['ssh', '-V'])
const kinds: readonly (readonly [type: string, bits: string])[] = [['ed25519', '256'], ['ecdsa', '256'], ['ecdsa', '384'], ['ecdsa', '521'], ['rsa', '2048']]
const forms: readonly SshKeyForm[] = [
  { kind: 'ed25519' }, { kind: 'ec', curve: 'P-256' }, { kind: 'ec', curve: 'P-384' }, { kind: 'ec', curve: 'P-521' }, { kind: 'rsa', bits: 2048 },
]

function inFolder<T>(work: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'coffer-ssh-'))
  try {
    return work(folder)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function keygen(...args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync('ssh-keygen', args, { encoding: 'utf8' })
  assert.equal(status, 0, stderr)
  return stdout
}

const words = (line: string): string => line.trim().split(' ').slice(0, 2).join(' ')

test('keys that ssh-keygen makes are read, in each of its formats', { skip }, () => inFolder((folder) => {
  for (const [type, bits] of kinds) {
    const file = join(folder, `${type}${bits}`)
    keygen('-q', '-t', type, '-b', bits, '-N', '', '-C', 'a comment with blanks', '-f', file)
    const line = readFileSync(`${file}.pub`, 'utf8')
    const key = parseSshPublicKey(line)
    assert.deepEqual([key.kind, key.bits, formatSshPublicKey(key).trim()], [type, type === 'ed25519' ? 0 : Number(bits), words(line)])
    assert.deepEqual(parseSshPublicKey(words(line).split(' ')[1] ?? '').blob, key.blob, 'its base64 alone')
    const halves = (text: string) => formatSshPublicKey(sshPublicKeyOf(createPublicKey(parseSshPrivateKey(text)))).trim()
    assert.equal(halves(readFileSync(file, 'utf8')), words(line))
    for (const format of type === 'ed25519' ? [] : ['PEM', 'PKCS8']) {
      keygen('-q', '-p', '-N', '', '-m', format, '-f', file)
      assert.equal(halves(readFileSync(file, 'utf8')), words(line), format)
    }
    keygen('-q', '-p', '-N', 'secret', '-f', file)
    assert.throws(() => parseSshPrivateKey(readFileSync(file, 'utf8')), /protected by a passphrase/)
  }
}))

test('keys that are made here are read by ssh-keygen', { skip }, async () => {
  for (const form of forms) {
    const key = await generateSshKey(form)
    inFolder((folder) => {
      const file = join(folder, 'key')
      writeFileSync(file, formatSshPrivateKey(key), { mode: 0o600 })
      assert.equal(words(keygen('-y', '-f', file)), formatSshPublicKey(sshPublicKeyOf(createPublicKey(key))).trim())
    })
  }
})

const certificate: Omit<SshCertificate, 'key'> = {
  serial: 0xfedc_ba98_7654_3210n, type: 'user', keyId: 'vault-ünïcode', principals: ['ubuntu', 'a b'], validAfter: 1_700_000_000, validBefore: 1_700_003_600,
  criticalOptions: { 'source-address': '10.0.0.0/8', 'force-command': '/bin/true' }, extensions: { 'permit-pty': '', 'login@github.com': 'octocat' },
}

test('certificates of every kind of key, by every kind of authority, are what ssh-keygen shows', { skip }, async () => {
  for (const authority of forms) {
    const signer = sshSigner(await generateSshKey(authority), 'rsa-sha2-256')
    for (const subject of forms) {
      const key = sshPublicKeyOf(createPublicKey(await generateSshKey(subject)))
      const line = await signSshCertificate({ ...certificate, key }, Buffer.alloc(32, 7), signer)
      const shown = inFolder((folder) => {
        writeFileSync(join(folder, 'c'), line)
        return spawnSync('ssh-keygen', ['-L', '-f', join(folder, 'c')], { encoding: 'utf8', env: { ...process.env, TZ: 'UTC', LC_ALL: 'C.UTF-8' } }).stdout
      })
      assert.match(shown, /user certificate\n/)
      for (const part of [
        'Key ID: "vault-ünïcode"', 'Serial: 18364758544493064720', 'Valid: from 2023-11-14T22:13:20 to 2023-11-14T23:13:20', '                ubuntu\n                a b\n',
        '                force-command /bin/true\n                source-address 10.0.0.0/8\n', 'login@github.com UNKNOWN OPTION', '                permit-pty\n',
        authority.kind === 'rsa' ? '(using rsa-sha2-256)' : `(using ${parseSshBlob(signer.blob).type})`,
      ]) assert.ok(shown.includes(part), `${part} is missing in:\n${shown}`)
    }
  }
})

/** The text is signed with a certificate, and OpenSSH is asked whether the authority stands behind it: that is when it checks the signature. */
test('OpenSSH finds the signature of every kind of authority right', { skip }, async () => {
  for (const authority of forms) {
    const ca = await generateSshKey(authority)
    for (const rsa of authority.kind === 'rsa' ? rsaSignatures : (['rsa-sha2-256'] as const)) {
      const user = await generateSshKey({ kind: 'ed25519' })
      const now = Math.floor(Date.now() / 1000)
      const terms = { ...certificate, key: sshPublicKeyOf(createPublicKey(user)), criticalOptions: {}, principals: ['me'], validAfter: now - 60, validBefore: now + 600 }
      const line = await signSshCertificate(terms, Buffer.alloc(32), sshSigner(ca, rsa))
      inFolder((folder) => {
        const at = (name: string): string => join(folder, name)
        writeFileSync(at('key'), formatSshPrivateKey(user), { mode: 0o600 })
        writeFileSync(at('key.pub'), line)
        writeFileSync(at('allowed'), `me cert-authority ${formatSshPublicKey(sshPublicKeyOf(createPublicKey(ca)))}`)
        writeFileSync(at('text'), 'text')
        keygen('-q', '-Y', 'sign', '-f', at('key.pub'), '-n', 'file', at('text'))
        const { status, stderr } = spawnSync('ssh-keygen', ['-Y', 'verify', '-f', at('allowed'), '-I', 'me', '-n', 'file', '-s', at('text.sig')], { input: 'text', encoding: 'utf8' })
        assert.equal(status, 0, `${authority.kind} ${rsa}: ${stderr}`)
      })
    }
  }
})

test('a key that is none is refused with what is wrong: cut, too long, of a bad point, of another type', () => {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const good = sshPublicKeyOf(publicKey)
  const refuse = (blob: Buffer, why: RegExp): void => assert.throws(() => parseSshBlob(blob), (error) => error instanceof SshFormatError && why.test(error.message))
  for (let length = 0; length < good.blob.length; length++) refuse(good.blob.subarray(0, length), /./)
  refuse(Buffer.concat([good.blob, Buffer.of(0)]), /more than belongs/)
  const moved = Buffer.from(good.blob)
  moved.writeUInt8(moved.readUInt8(moved.length - 1) ^ 1, moved.length - 1)
  refuse(moved, /not on the curve/)
  refuse(Buffer.concat([sshString('ecdsa-sha2-nistp384'), good.blob.subarray(4 + good.type.length)]), /another curve/)
  refuse(Buffer.concat([sshString('ssh-dss'), sshString('x')]), /its type is not one of/)
  refuse(Buffer.concat([sshString('ssh-ed25519-cert-v01@openssh.com')]), /a certificate, not a key/)
  refuse(Buffer.concat([sshString('ssh-ed25519'), sshString(Buffer.alloc(31))]), /32 bytes/)
  const rsa = (e: number[], n: Buffer): Buffer => Buffer.concat([sshString('ssh-rsa'), sshString(Buffer.from(e)), sshString(n)])
  const modulus = Buffer.alloc(257, 0xff).fill(0, 0, 1)
  assert.equal(parseSshBlob(rsa([3], modulus)).bits, 2048)
  refuse(rsa([1], modulus), /no RSA key/)
  refuse(rsa([4], modulus), /no RSA key/)
  refuse(rsa([0, 3], modulus), /shortest form/)
  refuse(rsa([3], modulus.subarray(1)), /negative/)
  refuse(rsa([3], Buffer.alloc(2050, 0x7f)), /at most 16384 bits/)
  assert.throws(() => parseSshPublicKey('hello'), /illegal base64 data at input byte 4/)
  assert.throws(() => parseSshPublicKey('A'.repeat(16_385)), /longer than/)
  assert.throws(() => parseSshPrivateKey('A'.repeat(32_769)), /longer than/)
})

test('a key whose halves do not belong together, or that SSH does not know, is refused', () => {
  const one = formatSshPrivateKey(generateKeyPairSync('ed25519').privateKey)
  const other = generateKeyPairSync('ed25519').publicKey
  const bytes = Buffer.from(one.split('\n').slice(1, -2).join(''), 'base64')
  const at = bytes.indexOf(sshString(parseSshPublicKeyInside(bytes)))
  sshPublicKeyOf(other).blob.copy(bytes, at + 4)
  assert.throws(() => parseSshPrivateKey(`-----BEGIN OPENSSH PRIVATE KEY-----\n${bytes.toString('base64')}\n-----END OPENSSH PRIVATE KEY-----\n`), /do not belong together/)
  for (const key of [generateKeyPairSync('ed448').privateKey, generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).privateKey]) {
    assert.throws(() => parseSshPrivateKey(key.export({ type: 'pkcs8', format: 'pem' }).toString()), SshFormatError)
  }
})

/** The public half that stands in clear at the beginning of an OpenSSH key. */
function parseSshPublicKeyInside(bytes: Buffer): Buffer {
  const reader = new SshReader(bytes.subarray('openssh-key-v1\0'.length))
  for (let i = 0; i < 3; i++) reader.bytes()
  reader.uint32()
  return reader.bytes()
}

test('numbers are written in their shortest form, and not negative', () => {
  for (const [hex, expected] of [['', '00000000'], ['00', '00000000'], ['0001', '0000000101'], ['80', '000000020080'], ['7f', '000000017f']] as const) {
    const written = sshMpint(Buffer.from(hex, 'hex'))
    assert.equal(written.toString('hex'), expected)
    assert.equal(new SshReader(written).mpint().toString('hex'), hex.replace(/^(00)+/, ''))
  }
})

const runs = { seed: 20261128, numRuns: Number(process.env['FUZZ_RUNS'] ?? 1000) }
const isRefusal = (parse: () => unknown): void => {
  try {
    parse()
  } catch (error) {
    assert.ok(error instanceof SshFormatError, String(error))
  }
}

test('any bytes are a key or a refusal, never a crash', () => {
  const good = generateKeyPairSync('ed25519').privateKey
  const files = [good, createPrivateKey(generateKeyPairSync('rsa', { modulusLength: 1024, privateKeyEncoding: { type: 'pkcs8', format: 'pem' }, publicKeyEncoding: { type: 'spki', format: 'pem' } }).privateKey)]
  const blobs = files.map((key) => sshPublicKeyOf(createPublicKey(key)).blob)
  const openSsh = Buffer.from(formatSshPrivateKey(good).split('\n').slice(1, -2).join(''), 'base64')
  const parts = fc.oneof(fc.constantFrom(...blobs.flatMap((blob) => [blob, blob.subarray(0, 20), blob.subarray(20)])), fc.uint8Array({ maxLength: 20 }), fc.nat(0xffff_ffff).map((n) => sshUint32(n)))
  const mutated = (whole: Buffer) => fc.tuple(fc.nat(whole.length - 1), fc.nat(255)).map(([at, value]) => {
    const copy = Buffer.from(whole)
    copy.writeUInt8(value, at)
    return copy
  })
  fc.assert(fc.property(fc.oneof(fc.array(parts, { maxLength: 6 }).map((all) => Buffer.concat(all)), ...blobs.map(mutated)), (bytes) => {
    isRefusal(() => parseSshBlob(bytes))
    isRefusal(() => parseSshPublicKey(`ssh-rsa ${bytes.toString('base64')}`))
  }), runs)
  fc.assert(fc.property(fc.oneof(mutated(openSsh), parts.map((part) => Buffer.concat([openSsh.subarray(0, 40), part]))), (bytes) => {
    isRefusal(() => parseSshPrivateKey(`-----BEGIN OPENSSH PRIVATE KEY-----\n${bytes.toString('base64')}\n-----END OPENSSH PRIVATE KEY-----\n`))
  }), runs)
  fc.assert(fc.property(fc.string(), (text) => {
    isRefusal(() => parseSshPublicKey(text))
    isRefusal(() => parseSshPrivateKey(text))
  }), runs)
})
