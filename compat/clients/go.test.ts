/** The guides with Vault's own client for Go, as a module from the proxy. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { projectRoot, startDevServer, type TestServer } from '../server.ts'
import { buildGoProgram } from './go-program.ts'
import { createOperator } from './operator.ts'
import { runProgram } from './shell.ts'

const source = join(projectRoot, 'compat/clients/go')
const folder = mkdtempSync(join(tmpdir(), 'coffer-go-'))
const program = join(folder, 'guides')

const skip = buildGoProgram(source, program)
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
