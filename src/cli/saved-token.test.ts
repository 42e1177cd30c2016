/** Which token a command sends: the environment's, the helper's, or the one saved for that very address. */
import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { saveRootToken, saveToken } from '../../client/src/node/token-file.ts'
import { openShell, type TestShell } from './testing/command.ts'

let shell: TestShell
beforeEach(() => {
  shell = openShell()
})
afterEach(() => shell.close())

const here = 'http://127.0.0.1:8200'
const print = async (environment: Record<string, string> = {}): Promise<string> =>
  (await shell.ok(['print', 'token'], { environment })).trim()
const login = (token: string, environment: Record<string, string> = {}, program = 'coffer') =>
  shell.ok(['login', '-no-print', `token=${token}`, 'lookup=false'], { environment, program })

test('the environment wins over a saved token, and that over the one of Vault', async () => {
  writeFileSync(join(shell.home, '.vault-token'), 'of-vault\n')
  assert.equal(await print(), 'of-vault')
  saveToken({ home: shell.home, address: here, token: 'saved' })
  assert.equal(await print(), 'saved')
  assert.equal(await print({ VAULT_TOKEN: 'given' }), 'given')
})

test('a saved token goes to its own server only', async () => {
  await login('one')
  await login('two', { COFFER_ADDR: 'https://vault.example.com:8200' })
  assert.equal(await print(), 'one')
  assert.equal(await print({ COFFER_ADDR: 'https://vault.example.com:8200/' }), 'two')
  assert.equal(await print({ COFFER_ADDR: 'http://localhost:8200' }), 'one')
  assert.equal(await print({ COFFER_ADDR: 'https://elsewhere.example.com' }), '')
  assert.equal(await print({ COFFER_ADDR: 'https://127.0.0.1:8200' }), '')
})

test('the file of a token is for its owner only, and ~/.coffer-token leads to the first one', async () => {
  await login('one')
  await login('two', { COFFER_ADDR: 'http://10.0.0.1:8200' })
  const file = join(shell.home, '.coffer-token')
  assert.equal(readFileSync(file, 'utf8'), 'one')
  assert.equal(statSync(file).mode & 0o777, 0o600)
  assert.equal(statSync(join(shell.home, '.coffer-token.d')).mode & 0o777, 0o700)
})

test('a plain ~/.coffer-token holds for every address, and is never overwritten', async () => {
  const file = join(shell.home, '.coffer-token')
  writeFileSync(file, 'by-hand\n')
  assert.equal(await print({ COFFER_ADDR: 'http://10.0.0.1:8200' }), 'by-hand')
  assert.equal(saveToken({ home: shell.home, address: here, token: 'mine' }).linkTaken, true)
  assert.equal(await print(), 'mine')
  assert.equal(readFileSync(file, 'utf8'), 'by-hand\n')
})

test('the root token of a first start outlives logins, and a second one is put beside it', () => {
  const place = { home: shell.home, address: here }
  const first = saveRootToken({ ...place, token: 'root-1', time: '2026-01-02T03-04-05' })
  saveToken({ ...place, token: 'login' })
  assert.equal(readFileSync(first.rootFile, 'utf8'), 'root-1')
  const second = saveRootToken({ ...place, token: 'root-2', time: '2026-02-02' })
  assert.equal(second.replaced, true)
  assert.equal(readFileSync(second.kept ?? '', 'utf8'), 'root-1')
  assert.equal(readFileSync(second.rootFile, 'utf8'), 'root-2')
})

test('as vault or bao, a login is also kept where other tools look; as coffer, that file is left alone', async () => {
  await login('one')
  assert.equal(existsSync(join(shell.home, '.vault-token')), false)
  await login('two', {}, 'vault')
  assert.equal(readFileSync(join(shell.home, '.vault-token'), 'utf8'), 'two')
  assert.equal(statSync(join(shell.home, '.vault-token')).mode & 0o777, 0o600)
})

test('a login warns when a variable overrides what it has just kept', async () => {
  const { err } = await shell.run(['login', '-no-print', 'token=x', 'lookup=false'], { environment: { VAULT_TOKEN: 'other' } })
  assert.match(err, /WARNING! The variable VAULT_TOKEN is set/)
})

test('a token helper takes the place of the files', async () => {
  const helper = join(shell.home, 'helper')
  const actions = `store) cat > ${shell.home}/kept;; get) cat ${shell.home}/kept;; erase) echo "no: $1" >&2; exit 3;;`
  writeFileSync(helper, `#!/bin/sh\ncase $1 in ${actions} esac\n`)
  chmodSync(helper, 0o700)
  writeFileSync(join(shell.home, '.vault'), `# mine\ntoken_helper = "${helper}"\n`)
  await login('helped', { PATH: process.env['PATH'] ?? '' })
  assert.equal(readFileSync(join(shell.home, 'kept'), 'utf8'), 'helped')
  assert.equal(await print({ PATH: process.env['PATH'] ?? '' }), 'helped')
  assert.equal(existsSync(join(shell.home, '.coffer-token')), false)
})

test('a helper that fails, and a file that says something else, are named', async () => {
  mkdirSync(join(shell.home, 'conf'))
  const config = join(shell.home, 'conf/x.hcl')
  writeFileSync(config, 'token_helper = "/does/not/exist"')
  const failing = await shell.run(['print', 'token'], { environment: { VAULT_CONFIG_PATH: config } })
  assert.equal(failing.code, 2)
  assert.match(failing.err, /the token helper \/does\/not\/exist failed at "get"/)
  writeFileSync(config, '$ANSIBLE_VAULT;1.1;AES256')
  assert.match((await shell.run(['print', 'token'], { environment: { VAULT_CONFIG_PATH: config } })).err, /may hold token_helper/)
})
