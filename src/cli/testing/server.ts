/**
 * A real server for tests of the command: `server -dev` as a process of its own, on a free port, in a home folder of its own. Another
 * Vault API server can take its place: COFFER_TEST_ADDR names its address, COFFER_TEST_TOKEN its root token.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { createClient } from '../../../client/src/client.ts'
import { nodeFetch } from '../../../client/src/node/transport.ts'

export interface TestServer {
  readonly address: string
  readonly token: string
  stop(): Promise<void>
}

/** The compiled entry point of the command. */
export const mainFile = join(import.meta.dirname, '../../../../bin/coffer.cjs')

const startMs = 20_000

/** A server in dev mode, with the root token `root`. Resolves once it answers. Throws with what it printed when it does not. */
export async function startTestServer(): Promise<TestServer> {
  const { COFFER_TEST_ADDR: given, COFFER_TEST_TOKEN: token = 'root' } = process.env
  if (given !== undefined) return { address: given, token, stop: async () => {} }
  return start((listen) => ['-dev', '-dev-root-token-id=root', `-dev-listen-address=${listen}`, '-dev-no-store-token'])
}

/** A server that is not initialised, in memory; its key ceremonies need no token. */
export const startBareServer = (): Promise<TestServer> =>
  start((listen, home) => {
    const open = 'disable_unauthed_rekey_endpoints = false\n disable_unauthed_generate_root_endpoints = false'
    const listener = `listener "tcp" {\n address = "${listen}"\n tls_disable = true\n ${open}\n}`
    const file = join(home, 'server.hcl')
    writeFileSync(file, `storage "inmem" {}\n${listener}\n`)
    return [`-config=${file}`]
  })

async function start(argsFor: (listen: string, home: string) => readonly string[]): Promise<TestServer> {
  const home = mkdtempSync(join(tmpdir(), 'coffer-cli-'))
  const listen = `127.0.0.1:${await freePort()}`
  const args = [mainFile, 'server', ...argsFor(listen, home)]
  const env = { PATH: process.env['PATH'], HOME: home }
  const child = spawn(process.execPath, args, { env, cwd: home, stdio: ['ignore', 'pipe', 'pipe'] })
  const output: string[] = []
  child.stdout.on('data', (chunk: Buffer) => output.push(String(chunk)))
  child.stderr.on('data', (chunk: Buffer) => output.push(String(chunk)))
  const stop = async (): Promise<void> => {
    await end(child)
    rmSync(home, { recursive: true, force: true })
  }
  try {
    await answers(`http://${listen}`, child)
  } catch (error) {
    await stop()
    throw new Error(`the server did not start: ${(error as Error).message}\n${output.join('')}`)
  }
  return { address: `http://${listen}`, token: 'root', stop }
}

async function answers(address: string, child: ChildProcess): Promise<void> {
  const client = createClient({ address, fetch: nodeFetch(), maxRetries: 0, timeoutMs: 1000 })
  for (const deadline = Date.now() + startMs; ; await pause(50)) {
    if (child.exitCode !== null) throw new Error(`exit code ${child.exitCode}`)
    try {
      return void (await client.sys.health())
    } catch (error) {
      if (Date.now() > deadline) throw error
    }
  }
}

/** A second later it is killed: a test never waits for a server that does not listen. */
async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), 3000)
  await gone
  clearTimeout(timer)
}

export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === 'object' && address !== null ? address.port : 0
}
