/** OpenPGP keys and messages, held against a real GnuPG. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { encryptTo } from './encrypt.ts'
import { OpenPgpError, packet, readPackets } from './packets.ts'
import { readRecipient, type Recipient } from './recipient.ts'
import { gpgMissing, withGpg } from './testing/gpg.ts'

const skip = gpgMissing()
const seconds = (): number => Math.floor(Date.now() / 1000)
const read = (bytes: Uint8Array, now = seconds()): Recipient => readRecipient(bytes, now)
const refused = (bytes: Uint8Array, text: RegExp, now?: number): void =>
  assert.throws(() => read(bytes, now), (error: unknown) => error instanceof OpenPgpError && text.test(error.message))

describe('encrypting', { skip }, () => {
  test('gpg reads what is encrypted to any kind of key that it makes', () => withGpg((gpg) => {
    const kinds: readonly (readonly string[])[] = [
      ['default'], ['future-default'], ['rsa2048', 'rsa3072'], ['ed25519', 'cv25519'], ['nistp256', 'nistp256'], ['nistp384', 'nistp384'], ['nistp521', 'nistp521'], ['ed25519', 'rsa2048'],
    ]
    for (const kind of kinds) {
      const name = kind.join('-')
      const fingerprint = gpg.make(name, kind)
      const recipient = read(gpg.export(name))
      assert.equal(recipient.fingerprint, fingerprint, name)
      for (const text of ['', 'x', `a share\n${'0'.repeat(300)}`]) assert.equal(gpg.decrypt(encryptTo(recipient, Buffer.from(text))), text, name)
    }
  }))

  test('a primary key that is for encryption itself is encrypted to', () => withGpg((gpg) => {
    gpg.run(['--quick-gen-key', 'both <both@example.com>', 'rsa2048', 'sign,encr', 'never'])
    assert.equal(gpg.decrypt(encryptTo(read(gpg.export('both')), Buffer.from('text'))), 'text')
  }))

  test('the same text is encrypted otherwise each time, and a changed message is refused by gpg', () => withGpg((gpg) => {
    gpg.make('ann', ['ed25519', 'cv25519'])
    const recipient = read(gpg.export('ann'))
    const [one, other] = [encryptTo(recipient, Buffer.from('text')), encryptTo(recipient, Buffer.from('text'))]
    assert.equal(one.equals(other), false)
    one[one.length - 25] = (one.at(-25) as number) ^ 1
    assert.throws(() => gpg.decrypt(one))
  }))
})

describe('which key', { skip }, () => {
  test('it is the newest subkey for encryption that has neither expired nor been revoked', () => withGpg((gpg) => {
    const fingerprint = gpg.make('ann', ['ed25519', 'cv25519'])
    const first = read(gpg.export('ann')).key.fingerprint
    gpg.run(['--faked-system-time', `${seconds() + 10}!`, '--quick-add-key', fingerprint, 'rsa2048', 'encr', '2d'])
    const later = seconds() + 20
    assert.equal(read(gpg.export('ann'), later).key.algorithm, 1)
    assert.deepEqual(read(gpg.export('ann'), later + 3 * 86_400).key.fingerprint, first)
    gpg.run(['--command-fd', '0', '--yes', '--edit-key', fingerprint], 'key 2\nrevkey\ny\n0\n\ny\nsave\n')
    assert.deepEqual(read(gpg.export('ann'), later).key.fingerprint, first)
  }))

  test('a key that has expired, was revoked, or is for signing only is refused with the reason', () => withGpg((gpg, folder) => {
    gpg.make('short', ['ed25519', 'cv25519'], '1d')
    refused(gpg.export('short'), /has expired/, seconds() + 2 * 86_400)
    gpg.make('signer', ['ed25519'])
    refused(gpg.export('signer'), /no key for encryption/)
    const fingerprint = gpg.make('gone', ['ed25519', 'cv25519'])
    const certificate = `${folder}/openpgp-revocs.d/${fingerprint.toUpperCase()}.rev`
    gpg.run(['--import'], revocationIn(certificate))
    refused(gpg.export('gone'), /has been revoked/)
  }))

  test('a subkey that somebody else put in is never encrypted to', () => withGpg((gpg) => {
    gpg.make('ann', ['ed25519', 'cv25519'])
    gpg.make('eve', ['ed25519', 'cv25519'])
    const [ann, eve] = [gpg.export('ann'), gpg.export('eve')].map(readPackets)
    const foreign = (eve ?? []).slice(-2)
    const whole = (packets: readonly { readonly tag: number; readonly body: Buffer }[]): Buffer => Buffer.concat(packets.map(({ tag, body }) => packet(tag, body)))
    assert.deepEqual(read(whole([...(ann ?? []), ...foreign])).key.fingerprint, read(gpg.export('ann')).key.fingerprint)
    refused(whole([...(ann ?? []).slice(0, -2), ...foreign]), /no key for encryption/)
    // Nor under another owner's name: nothing is signed by the key that stands first.
    refused(whole([...(eve ?? []).slice(0, 1), ...(ann ?? []).slice(1)]), /nothing in it is signed by its owner/)
  }))

  test('secret keys, several keys, short keys, armour and nonsense are refused with the reason', () => withGpg((gpg) => {
    gpg.make('ann', ['ed25519', 'cv25519'])
    gpg.make('ben', ['ed25519', 'cv25519'])
    refused(gpg.run(['--export-secret-keys', 'ann@example.com']), /a secret key/)
    refused(Buffer.concat([gpg.export('ann'), gpg.export('ben')]), /several keys/)
    refused(gpg.export('ann', true), /no OpenPGP data in binary form/)
    refused(Buffer.alloc(0), /does not begin with a public key/)
    gpg.make('small', ['rsa1024'])
    refused(gpg.export('small'), /only 1024 bits/)
  }))

  test('whatever is done to a key, it is read or refused, and never anything else', () => withGpg((gpg) => {
    gpg.make('ann', ['rsa2048', 'cv25519'])
    const key = gpg.export('ann')
    let state = 1
    const random = (below: number): number => (state = (state * 48_271) % 2_147_483_647) % below
    for (let i = 0; i < 3_000; i++) {
      const changed = Buffer.from(key.subarray(0, i % 3 === 0 ? random(key.length) : key.length))
      for (let n = random(4); n >= 0 && changed.length > 0; n--) changed[random(changed.length)] = random(256)
      try {
        encryptTo(read(changed), Buffer.from('x'))
      } catch (error) {
        if (!(error instanceof OpenPgpError)) throw error
      }
    }
  }))
})

/** The file holds the certificate behind a colon, so that nobody imports it by mistake. */
function revocationIn(file: string): string {
  return readFileSync(file, 'utf8').replace(':-----BEGIN', '-----BEGIN')
}
