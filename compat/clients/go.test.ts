/** The guides with Vault's own client for Go, as a module from the proxy. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { projectRoot, startDevServer, type TestServer } from '../server.ts'
import { createOperator } from './operator.ts'
import { missingProgram, runProgram } from './shell.ts'

const source = join(projectRoot, 'compat/clients/go')
const folder = mkdtempSync(join(tmpdir(), 'coffer-go-'))
const program = join(folder, 'guides')

/** Why the program could not be built; Go keeps modules and objects in caches of its own. */
function build(): string | false {
  const missing = missingProgram(['go', 'version'])
  if (missing) return missing
  const { status, stderr } = spawnSync('go', ['build', '-o', program, '.'], { cwd: source, encoding: 'utf8' })
  if (status === 0) return false
  // Without a network there are no modules, and an old Go cannot read them; anything else is a mistake of ours.
  if (/dial tcp|no such host|i\/o timeout|requires go >=|invalid go version|requires Go/.test(stderr)) return `the module could not be built: ${stderr.trim().split('\n').at(-1)}`
  throw new Error(stderr)
}

const skip = build()
let server: TestServer
let operator = ''

before(async () => {
  if (skip) return
  server = await startDevServer()
  operator = await createOperator(server)
})
after(async () => {
  rmSync(folder, { recursive: true, force: true })
  await server?.stop()
})

for (const guide of ['static-secrets', 'versioned-secrets', 'response-wrapping']) {
  test(`the Go client runs the guide ${guide}`, { skip }, async () => {
    const env = { ...process.env, VAULT_ADDR: server.addr, VAULT_TOKEN: operator, ROOT_TOKEN: server.token }
    const { code, stdout, stderr } = await runProgram([program, guide], { env })
    assert.equal(code, 0, stdout + stderr)
  })
}
