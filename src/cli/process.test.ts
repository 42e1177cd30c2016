/** The command as a process of its own: streams, pipes, signals, names, and what a server leaves for later commands. */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { freePort, mainFile, startTestServer, type TestServer } from './testing/server.ts'

const root = join(import.meta.dirname, '../../..')
const launcher = join(root, 'bin/coffer.cjs')
const bundle = join(root, 'dist/coffer.cjs')
const home = mkdtempSync(join(tmpdir(), 'coffer-process-'))
let server: TestServer
before(async () => {
  server = await startTestServer()
})
after(async () => {
  await server?.stop()
  rmSync(home, { recursive: true, force: true })
})

const environment = () => ({ PATH: process.env['PATH'] ?? '', HOME: home, COFFER_ADDR: server.address, COFFER_TOKEN: server.token })
const coffer = (args: readonly string[], input = '') =>
  spawnSync(process.execPath, [mainFile, ...args], { env: environment(), input, encoding: 'utf8' })

test('a secret goes in by stdin and comes out on stdout, byte by byte', () => {
  const value = `${'x'.repeat(200_000)}\n\u20ac\n`
  assert.equal(coffer(['kv', 'put', 'secret/big', 'v=-'], value).status, 0)
  const { status, stdout, stderr } = coffer(['kv', 'get', '-field=v', 'secret/big'])
  assert.deepEqual([status, stderr], [0, ''])
  assert.equal(stdout, value)
})

test('errors leave stdout empty and set the exit code', () => {
  const { status, stdout, stderr } = coffer(['kv', 'get', 'secret/none'])
  assert.deepEqual([status, stdout, stderr], [2, '', 'No value found at secret/data/none\n'])
})

test('a reader that leaves early is no error', () => {
  const script = `"${process.execPath}" "${mainFile}" kv get -field=v secret/big | head -c 1`
  const { status, stdout, stderr } = spawnSync('sh', ['-c', script], { env: environment(), encoding: 'utf8' })
  assert.deepEqual([status, stdout, stderr], [0, 'x', ''])
})

test('a secret is asked for only where somebody can type', () => {
  const { status, stderr } = coffer(['login'])
  assert.equal(status, 2)
  assert.match(stderr, /standard input is not a terminal/)
})

test('a raw answer is what the server sent', () => {
  const { status, stdout } = coffer(['read', '-format=raw', 'sys/seal-status'])
  assert.equal(status, 0)
  assert.equal(JSON.parse(stdout).sealed, false)
})

interface Running {
  output(): string
  /** Resolves with the exit code. */
  stop(): Promise<number | null>
}

async function startServer(args: readonly string[]): Promise<Running> {
  const env = { PATH: process.env['PATH'], HOME: home }
  const child = spawn(process.execPath, [mainFile, 'server', ...args], { env, cwd: home, stdio: ['ignore', 'pipe', 'pipe'] })
  let text = ''
  const gone = new Promise<number | null>((resolve) => child.once('exit', resolve))
  await new Promise<void>((resolve, reject) => {
    const take = (chunk: Buffer): void => {
      text += String(chunk)
      if (text.includes('server started!')) resolve()
    }
    child.stdout.on('data', take)
    child.stderr.on('data', take)
    child.once('exit', () => reject(new Error(text)))
  })
  return {
    output: () => text,
    async stop() {
      child.kill('SIGINT')
      return gone
    },
  }
}

test('a dev server saves its token for its own address, and needs no export', async () => {
  const listen = `127.0.0.1:${await freePort()}`
  const running = await startServer(['-dev', `-dev-listen-address=${listen}`])
  try {
    const env = { PATH: process.env['PATH'] ?? '', HOME: home, VAULT_ADDR: `http://${listen}` }
    const put = spawnSync(process.execPath, [mainFile, 'kv', 'put', 'secret/a', 'x=1'], { env, encoding: 'utf8' })
    assert.deepEqual([put.status, put.stderr], [0, ''])
    assert.equal(existsSync(join(home, '.vault-token')), false)
  } finally {
    assert.equal(await running.stop(), 0)
  }
})

test('a first start keeps its root token in a file of its own, and a second server at the same address keeps that file', async () => {
  const listen = `127.0.0.1:${await freePort()}`
  const first = await startServer([`-data=${join(home, 'one')}`, `-listen=${listen}`])
  const file = join(home, '.coffer-token.d', `http-${listen.replace(':', '-')}`)
  try {
    assert.match(first.output(), new RegExp(`root token is in ${file}\\.root \\(mode 0600\\)`))
    assert.equal(statSync(`${file}.root`).mode & 0o777, 0o600)
    const env = { PATH: process.env['PATH'] ?? '', HOME: home, COFFER_ADDR: `http://${listen}` }
    assert.equal(spawnSync(process.execPath, [mainFile, 'kv', 'put', '-mount=secret', 'hello', 'password=s3cret'], { env }).status, 0)
  } finally {
    assert.equal(await first.stop(), 0)
  }
  const token = readFileSync(`${file}.root`, 'utf8')
  const second = await startServer([`-data=${join(home, 'two')}`, `-listen=${listen}`])
  assert.equal(await second.stop(), 0)
  assert.notEqual(readFileSync(`${file}.root`, 'utf8'), token)
  const kept = readdirSync(join(home, '.coffer-token.d')).filter((name) => join(home, '.coffer-token.d', name).startsWith(`${file}.root.`))
  assert.deepEqual(kept.map((name) => readFileSync(join(home, '.coffer-token.d', name), 'utf8')), [token])
})

test('under the name of vault the bundled command announces itself as such', (t) => {
  if (!existsSync(launcher) || !existsSync(bundle)) return t.skip('the command is not bundled here: npm run build')
  for (const [name, first] of [['vault', 'Vault'], ['bao', 'OpenBao'], ['coffer', 'Coffer']] as const) {
    const link = join(home, name)
    symlinkSync(launcher, link)
    const { status, stdout } = spawnSync(link, ['-version'], { encoding: 'utf8' })
    assert.equal(status, 0)
    assert.match(stdout, new RegExp(`^${first} v\\d+\\.\\d+\\.\\d+ `))
  }
})

test('the bundle holds no server, and stays small', (t) => {
  if (!existsSync(bundle)) return t.skip('the command is not bundled here: npm run build')
  const text = readFileSync(bundle, 'utf8')
  assert.ok(text.length < 300_000, `${text.length} characters`)
  assert.ok(!text.includes('lmdb'))
})

test('a command that is not built yet says how to build it', (t) => {
  if (!existsSync(launcher)) return t.skip('there is no launcher here')
  mkdirSync(join(home, 'clone/bin'), { recursive: true })
  copyFileSync(launcher, join(home, 'clone/bin/coffer.cjs'))
  const { status, stderr } = spawnSync(process.execPath, [join(home, 'clone/bin/coffer.cjs'), 'status'], { encoding: 'utf8' })
  assert.equal(status, 1)
  assert.match(stderr, /npm install && npm run build/)
})
