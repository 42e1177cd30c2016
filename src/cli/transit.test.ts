/** `transit import` and `transit import-version`, with a real server. */
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { openShell, type TestShell } from './testing/command.ts'
import { startTestServer, type TestServer } from './testing/server.ts'

let server: TestServer
let shell: TestShell

before(async () => {
  server = await startTestServer()
  shell = openShell({ COFFER_ADDR: server.address, COFFER_TOKEN: server.token })
  await shell.ok(['secrets', 'enable', 'transit'])
})
after(async () => {
  shell.close()
  await server.stop()
})

const symmetric = Buffer.alloc(32, 7).toString('base64')

test('a symmetric key is imported from the line, from a file and from standard input, with settings', async () => {
  writeFileSync(join(shell.home, 'key'), `${symmetric}\n`)
  const out = await shell.ok(['transit', 'import', 'transit/keys/line', symmetric, 'exportable=true'])
  assert.equal(out, 'Retrieving wrapping key.\nWrapping source key with ephemeral key.\nSubmitting wrapped key.\nSuccess!\n')
  await shell.ok(['transit', 'import', 'transit/keys/file', `@${join(shell.home, 'key')}`, 'type=chacha20-poly1305'])
  await shell.ok(['transit', 'import', '/transit/keys/input', '-'], { input: symmetric })
  assert.match(await shell.ok(['read', 'transit/export/encryption-key/line']), new RegExp(`1:${symmetric.replaceAll('+', '\\+')}`))
  assert.match(await shell.ok(['read', 'transit/keys/file']), /type +chacha20-poly1305/)
})

test('PEM of a private key is taken as it is, and versions are added', async () => {
  const pem = (): string => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'pem', type: 'sec1' }).toString()
  writeFileSync(join(shell.home, 'one.pem'), pem())
  writeFileSync(join(shell.home, 'two.pem'), pem())
  await shell.ok(['transit', 'import', 'transit/keys/pair', `@${join(shell.home, 'one.pem')}`, 'type=ecdsa-p256'])
  await shell.ok(['transit', 'import-version', 'transit/keys/pair', `@${join(shell.home, 'two.pem')}`])
  assert.match(await shell.ok(['read', 'transit/keys/pair']), /latest_version +2/)
})

test('wrong usage is exit code 1, what the server refuses 3, and so is a mount that is not there', async () => {
  const cases: readonly (readonly [number, RegExp, readonly string[]])[] = [
    [1, /argument/i, ['transit', 'import', 'transit/keys/k']],
    [1, /:path:\/keys\/:name:/, ['transit', 'import', 'transit/k', symmetric]],
    [1, /base64/, ['transit', 'import', 'transit/keys/k', 'no base64!']],
    [1, /error reading key material file/, ['transit', 'import', 'transit/keys/k', '@/nowhere/at/all']],
    [3, /failed to fetch wrapping key/, ['transit', 'import', 'nowhere/keys/k', symmetric]],
    [3, /failed to fetch wrapping key/, ['transit', 'import', 'secret/keys/k', symmetric]],
    [3, /invalid key size/, ['transit', 'import', 'transit/keys/k', symmetric, 'type=aes128-gcm96']],
    [3, /failed to call import/, ['transit', 'import-version', 'transit/keys/none', symmetric]],
  ]
  for (const [code, text, args] of cases) {
    const outcome = await shell.run(args)
    assert.equal(outcome.code, code, `${args.join(' ')}: ${outcome.err}`)
    assert.match(outcome.err, text)
    assert.ok(!outcome.err.includes(symmetric))
  }
})
