/** From words to exit codes, without a server. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { openShell } from './testing/command.ts'

const shell = openShell({ COFFER_ADDR: 'http://127.0.0.1:1' })
after(() => shell.close())
const run = (...args: string[]) => shell.run(args)

test('no command, or an unknown one, is exit code 127 with help on stderr', async () => {
  for (const args of [[], ['nope'], ['toString']]) {
    const { code, out, err } = await run(...args)
    assert.deepEqual([code, out], [127, ''])
    assert.match(err, /\nCommon commands:\n/)
  }
  assert.match((await run('stauts')).err, /^There is no command "coffer stauts"\. Did you mean "coffer status"\?\n/)
})

test('a group without a known subcommand is exit code 1 with help on stderr', async () => {
  const { code, out, err } = await run('kv', 'gte')
  assert.deepEqual([code, out], [1, ''])
  assert.match(err, /^There is no command "coffer kv gte"\. Did you mean "coffer kv get"\?\n\nUsage: coffer kv <subcommand>/)
})

test('help goes to stdout with exit code 0, wherever it is asked for', async () => {
  for (const line of ['-h', '--help', 'help', 'kv -help', 'kv get -h', 'kv get x -help', 'help kv get']) {
    const { code, out, err } = await run(...line.split(' '))
    assert.deepEqual([code, err], [0, ''], line)
    assert.match(out, /^Usage: coffer /)
  }
  assert.match((await run('help', 'kv', 'get')).out, /^Usage: coffer kv get /)
  assert.equal((await run('read', '--', '-help')).code, 2)
})

test('the second word of the version is a plain version, under every name', async () => {
  for (const [program, name] of [['coffer', 'Coffer'], ['vault', 'Vault'], ['bao', 'OpenBao']] as const) {
    for (const args of [['version'], ['-version'], ['--version'], ['-v']]) {
      const { code, out } = await shell.run(args, { program })
      assert.equal(code, 0)
      assert.match(out, new RegExp(`^${name} v\\d+\\.\\d+\\.\\d+ \\(Coffer \\d`))
    }
  }
})

test('wrong usage is exit code 1 on stderr, before the server is asked', async () => {
  const cases = [
    [['kv', 'get'], 'Not enough arguments (expected 1, got 0)'],
    [['kv', 'get', 'a', 'b'], 'Too many arguments (expected 1, got 2)'],
    [['kv', 'get', '-nope', 'a'], 'flag provided but not defined: -nope'],
    [['kv', 'get', '-version=x', 'a'], 'invalid value "x" for flag -version'],
    [['write', 'a'], 'Must supply data or use -force'],
    [['kv', 'put', 'a'], 'Must supply data'],
    [['kv', 'undelete', 'a'], 'No versions provided'],
    [['token', 'revoke'], 'Not enough arguments (expected 1 or -self, got 0)'],
    [['token', 'revoke', '-mode=x', 'a'], 'Invalid mode: x'],
    [['lease', 'revoke', '-force', 'a'], 'Specifying -force requires also specifying -prefix'],
    [['login', '-no-store', '-no-print', 'x'], '-no-store and -no-print cannot be used together'],
    [['read', '-format=xml', 'a'], 'Invalid output format: xml'],
    [['list', '-format=raw', 'a'], 'This command does not support the -format=raw option.'],
    [['kv', 'get', 'x', '-format=json'], 'Too late for a flag: -format=json stands after the argument "x", and flags come first.'],
    [['-address=http://x', 'status'], 'Flags stand after the command: coffer COMMAND -address=http://x ...'],
    [['operator', 'generate-root', '-decode=QUJD', '-otp=AB'], 'Error decoding root token: it has 3 bytes, and the one-time password 2'],
  ] as const
  for (const [args, message] of cases) {
    const { code, out, err } = await run(...args)
    assert.deepEqual([code, out], [1, ''], args.join(' '))
    assert.ok(err.startsWith(message), err)
  }
})

test('a server that does not answer is explained, with what to do', async () => {
  const { code, out, err } = await run('kv', 'get', 'secret/x')
  assert.deepEqual([code, out], [2, ''])
  const [first, , hint] = err.split('\n')
  assert.equal(first, 'no server answers at http://127.0.0.1:1 (connection refused)')
  assert.match(hint ?? '', /^Start one for a first try: +coffer server -dev$/)
})

test('a variable of COFFER wins over one of BAO, and that over one of VAULT', async () => {
  const address = async (environment: Record<string, string>): Promise<string> =>
    (await openless(environment)).err.replace(/^.* at (\S+) \((.|\n)*$/, '$1')
  const openless = async (environment: Record<string, string>) => {
    const other = openShell(environment)
    try {
      return await other.run(['read', 'x'])
    } finally {
      other.close()
    }
  }
  const all = { COFFER_ADDR: 'http://127.0.0.1:2', BAO_ADDR: 'http://127.0.0.1:3', VAULT_ADDR: 'http://127.0.0.1:4' }
  assert.equal(await address(all), 'http://127.0.0.1:2')
  assert.equal(await address({ ...all, COFFER_ADDR: '' }), 'http://127.0.0.1:3')
  assert.equal(await address({ VAULT_ADDR: all.VAULT_ADDR }), 'http://127.0.0.1:4')
  assert.equal(await address({ ...all, COFFER_AGENT_ADDR: 'http://127.0.0.1:5' }), 'http://127.0.0.1:5')
})

test('errors are red on a screen, unless colour is unwanted', async () => {
  const error = async (environment: Record<string, string>, ...args: string[]): Promise<string> =>
    (await shell.run(['kv', 'get', ...args], { screen: true, environment })).err
  assert.match(await error({}), /^\u001b\[31mNot enough/)
  for (const environment of [{ NO_COLOR: '1' }, { TERM: 'dumb' }, { VAULT_CLI_NO_COLOR: '1' }]) {
    const { err } = await shell.run(['kv', 'get'], { screen: true, environment })
    assert.match(err, /^Not enough/)
  }
  assert.match(await error({}, '-no-color'), /^Not enough/)
})

test('a one-time password decodes the root token without a server', async () => {
  assert.equal((await run('operator', 'generate-root', '-decode=KQM=', '-otp=AB')).out, 'hA')
})
