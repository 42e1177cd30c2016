/** Who starts a server and reads nothing of what it prints must not stall it. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { ask, freePort, inPlace, mainFile } from './testing/process.ts'

const lineBytes = 150

/** Each of these requests is a line in the log. */
async function logMuch(address: string, bytes: number): Promise<void> {
  for (let done = 0; done < bytes / lineBytes; done += 100) {
    await Promise.all(Array.from({ length: 100 }, () => ask(`${address}/v1/sys/unseal`, { method: 'PUT', body: { key: '00' } })))
  }
}

async function answers(address: string): Promise<void> {
  for (;;) {
    const found = await ask(`${address}/v1/sys/health?uninitcode=200`).catch(() => null)
    if (found !== null) return assert.equal(found.status, 200)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

const bareServer = (port: number): string => `storage "inmem" {}\nlistener "tcp" {\n address = "127.0.0.1:${port}"\n tls_disable = true\n}`

test('a pipe that nobody reads, on both streams, stalls nothing', () => inPlace(async (place) => {
  const port = await freePort()
  place.file('c.hcl', bareServer(port))
  const shell = spawn('sh', ['-c', `"${process.execPath}" "${mainFile}" server -config=c.hcl 2>&1 | exec sleep 1000`], { cwd: place.folder, env: place.environment, detached: true, stdio: 'ignore' })
  try {
    await answers(`http://127.0.0.1:${port}`)
    await logMuch(`http://127.0.0.1:${port}`, 300_000)
    await answers(`http://127.0.0.1:${port}`)
  } finally {
    process.kill(-(shell.pid ?? 0), 'SIGKILL')
    await new Promise((resolve) => shell.once('close', resolve))
  }
}))

test('a socket that nobody reads stalls nothing', () => inPlace(async (place) => {
  const port = await freePort()
  place.file('c.hcl', bareServer(port))
  const server = spawn(process.execPath, [mainFile, 'server', '-config=c.hcl'], { cwd: place.folder, env: place.environment, stdio: ['ignore', 'pipe', 'pipe'] })
  try {
    await answers(`http://127.0.0.1:${port}`)
    await logMuch(`http://127.0.0.1:${port}`, 600_000)
    await answers(`http://127.0.0.1:${port}`)
  } finally {
    server.kill('SIGKILL')
    await new Promise((resolve) => server.once('exit', resolve))
  }
}))

test('a reader that goes away ends nothing, and a file gets every line', () => inPlace(async (place) => {
  const port = await freePort()
  place.file('c.hcl', bareServer(port))
  const gone = spawn('sh', ['-c', `"${process.execPath}" "${mainFile}" server -config=c.hcl 2>/dev/null | head -c 10`], { cwd: place.folder, env: place.environment, detached: true, stdio: 'ignore' })
  try {
    await answers(`http://127.0.0.1:${port}`)
    await logMuch(`http://127.0.0.1:${port}`, 20_000)
    await answers(`http://127.0.0.1:${port}`)
  } finally {
    process.kill(-(gone.pid ?? 0), 'SIGKILL')
    await new Promise((resolve) => gone.once('close', resolve))
  }
  const { code } = place.shell(`coffer server -data=d -listen=127.0.0.1:0 > log 2>&1 &
    for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.3; grep -q started log && break; done
    kill -TERM $!; wait $!`)
  assert.equal(code, 0)
  const log = readFileSync(join(place.folder, 'log'), 'utf8')
  for (const part of [/^==> Coffer server configuration/, /first start/, /server started/, /stopping on SIGTERM\n$/]) assert.match(log, part)
}))
