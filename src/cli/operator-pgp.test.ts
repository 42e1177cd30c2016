/** Shares and root tokens for the holders of PGP keys only, with a real server and a real GnuPG. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { gpgMissing, withGpg, type Gpg } from '../crypto/openpgp/testing/gpg.ts'
import { openShell, type TestShell } from './testing/command.ts'
import { startBareServer } from './testing/server.ts'

const skip = gpgMissing()
const names = ['ann', 'ben', 'cyd'] as const

interface Office {
  readonly gpg: Gpg
  /** Runs the command as root; what it prints. */
  readonly ok: (line: string) => Promise<string>
  readonly run: TestShell['run']
  readonly file: (name: string) => string
  readonly fingerprints: readonly string[]
  login(token: string): void
}

/** Three holders, whose keys are files of each kind: binary, base64, armoured. */
const inOffice = (work: (office: Office) => Promise<void>) => (): Promise<void> => withGpg(async (gpg, folder) => {
  const file = (name: string): string => join(folder, name)
  const fingerprints = [gpg.make('ann', ['ed25519', 'cv25519']), gpg.make('ben', ['rsa2048', 'rsa2048']), gpg.make('cyd', ['nistp256', 'nistp256'])]
  writeFileSync(file('ann'), gpg.export('ann'))
  writeFileSync(file('ben'), gpg.export('ben').toString('base64'))
  writeFileSync(file('cyd'), gpg.export('cyd', true))
  const server = await startBareServer()
  const shell = openShell({ COFFER_ADDR: server.address })
  let environment = {}
  try {
    const ok = (line: string): Promise<string> => shell.ok(line.split(' '), { environment })
    const run: TestShell['run'] = (args) => shell.run(args, { environment })
    await work({ gpg, ok, run, file, fingerprints, login: (token) => (environment = { COFFER_TOKEN: token }) })
  } finally {
    shell.close()
    await server.stop()
  }
})

const opened = (gpg: Gpg, text: string): string => gpg.decrypt(Buffer.from(text, 'base64'))
const all = (text: string, pattern: RegExp): string[] => [...text.matchAll(pattern)].map((match) => match[1] ?? '')
const files = ({ file }: Office): string => names.map(file).join(',')

/** Initialises; each share is for the holder in the same place, and so opens with that key alone. */
async function initialised(office: Office): Promise<readonly string[]> {
  const { gpg, ok, file, login } = office
  const out = await ok(`operator init -key-shares=3 -key-threshold=2 -pgp-keys=${files(office)} -root-token-pgp-key=${file('ben')}`)
  const shares = all(out, /^Unseal Key \d: (\S+)$/gm)
  shares.forEach((share, i) => assert.match(recipientOf(gpg, share), new RegExp(`<${names[i]}@`)))
  login(opened(gpg, all(out, /^Initial Root Token: (\S+)$/gm)[0] as string))
  return shares.map((share) => opened(gpg, share))
}

/** Who can read a message, as gpg tells it. */
function recipientOf(gpg: Gpg, share: string): string {
  const keyId = /keyid ([0-9A-F]{16})/.exec(gpg.run(['--list-packets'], Buffer.from(share, 'base64')).toString())?.[1] ?? ''
  return gpg.run(['--list-keys', `${keyId}!`]).toString()
}

test('init gives each holder a share that only they can read, in the order of the keys, and the root token as well', { skip }, inOffice(async (office) => {
  const { ok } = office
  const shares = await initialised(office)
  for (const share of shares) assert.match(share, /^[0-9a-f]{66}$/)
  await ok(`operator unseal ${shares[2]}`)
  assert.match(await ok(`operator unseal ${shares[0]}`), /^Sealed +false$/m)
  assert.match(await ok('token lookup'), /^policies +\[root\]$/m)
}))

test('rekeying encrypts the new shares, tells for whom, and keeps them until they are deleted', { skip }, inOffice(async (office) => {
  const { gpg, ok, run, fingerprints, file } = office
  const old = await initialised(office)
  for (const share of old.slice(0, 2)) await ok(`operator unseal ${share}`)
  assert.match((await run(['operator', 'rekey', '-backup-retrieve'])).err, /no backed-up keys found/)
  const two = `${file('cyd')},${file('ann')}`
  assert.match((await run(['operator', 'rekey', '-init', '-key-shares=3', '-key-threshold=2', `-pgp-keys=${two}`])).err, /incorrect number of PGP keys for rekey/)
  assert.match((await run(['operator', 'rekey', '-init', '-key-shares=2', '-key-threshold=2', '-backup'])).err, /without providing PGP keys/)
  const begun = await ok(`operator rekey -init -key-shares=2 -key-threshold=2 -pgp-keys=${two} -backup -verify`)
  assert.match(begun, new RegExp(`^PGP Fingerprints +\\[${fingerprints[2]} ${fingerprints[0]}\\]\nBackup +true$`, 'm'))
  const nonce = /^Nonce +(\S+)$/m.exec(begun)?.[1]
  await ok(`operator rekey -nonce=${nonce} ${old[0]}`)
  const done = await ok(`operator rekey -nonce=${nonce} ${old[1]}`)
  const fresh = all(done, /^Key \d fingerprint: \S+; value: (\S+)$/gm)
  assert.deepEqual(all(done, /^Key \d fingerprint: (\S+);/gm), [fingerprints[2], fingerprints[0]])
  const kept = JSON.parse(await ok('operator rekey -backup-retrieve -format=json')) as { readonly data: { readonly keys_base64: object } }
  assert.deepEqual(kept.data.keys_base64, { [fingerprints[2] ?? '']: [fresh[0]], [fingerprints[0] ?? '']: [fresh[1]] })
  const verification = /^Verification Nonce +(\S+)$/m.exec(done)?.[1]
  for (const share of fresh) await ok(`operator rekey -verify -nonce=${verification} ${opened(gpg, share)}`)
  await ok('operator seal')
  for (const share of fresh) await ok(`operator unseal ${opened(gpg, share)}`)
  assert.match(await ok('status'), /^Sealed +false$/m)
  await ok('operator rekey -backup-delete')
  assert.match((await run(['operator', 'rekey', '-backup-retrieve'])).err, /no backed-up keys found/)
}))

test('a new root token is encrypted to a PGP key, in place of a one-time password', { skip }, inOffice(async (office) => {
  const { gpg, ok, run, file, fingerprints, login } = office
  const shares = await initialised(office)
  for (const share of shares.slice(0, 2)) await ok(`operator unseal ${share}`)
  const begun = await ok(`operator generate-root -init -pgp-key=${file('cyd')}`)
  assert.match(begun, new RegExp(`^PGP Fingerprint +${fingerprints[2]}$`, 'm'))
  assert.doesNotMatch(begun, /^OTP {2,}/m)
  const nonce = /^Nonce +(\S+)$/m.exec(begun)?.[1]
  await ok(`operator generate-root -nonce=${nonce} ${shares[0]}`)
  const done = await ok(`operator generate-root -nonce=${nonce} ${shares[1]}`)
  login(opened(gpg, /^Encoded Token +(\S+)$/m.exec(done)?.[1] ?? ''))
  assert.match(await ok('token lookup'), /^policies +\[root\]$/m)
  assert.match((await run(['operator', 'generate-root', '-init', '-pgp-key=keybase:ann'])).err, /keys of Keybase cannot be fetched; save keybase:ann to a file first/)
}))

test('a key that cannot be used ends the initialisation before anything is made, and is named', { skip }, inOffice(async (office) => {
  const { gpg, run, file } = office
  writeFileSync(file('secret'), gpg.run(['--export-secret-keys', 'ann@example.com']))
  const init = async (keys: readonly string[]) => (await run(['operator', 'init', `-key-shares=${keys.length}`, '-key-threshold=2', `-pgp-keys=${keys.map(file).join(',')}`])).err
  assert.match(await init(['ann', 'secret']), /pgp_keys, key 2: the PGP key cannot be used: it is a secret key/)
  assert.match((await run(['operator', 'init', '-key-shares=3', '-key-threshold=2', `-pgp-keys=${file('ann')}`])).err, /pgp_keys has 1 keys for 3 shares/)
  assert.match((await run(['operator', 'init', '-key-shares=1', '-key-threshold=1', `-root-token-pgp-key=${file('nothing')}`])).err, /root-token-pgp-key: .*nothing/)
  assert.equal((await run(['operator', 'init', '-status'])).code, 2)
}))
