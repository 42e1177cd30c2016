/** The guides with hvac, the client for Python, as PyPI has it. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { projectRoot, startDevServer, type TestServer } from '../server.ts'
import { createOperator } from './operator.ts'
import { installClient, missingProgram, runProgram } from './shell.ts'

const version = '2.4.0'
const python = (folder: string): string => join(folder, 'bin/python')

function install(): { folder: string } | { reason: string } {
  const missing = missingProgram(['python3', '-c', 'import ensurepip, venv'])
  if (missing) return { reason: missing }
  return installClient(`hvac-${version}`, (folder) => [
    ['python3', '-m', 'venv', folder],
    [python(folder), '-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', `hvac==${version}`],
  ])
}

const installed = install()
const skip = 'reason' in installed && installed.reason
let server: TestServer
let operator = ''

before(async () => {
  if (skip) return
  server = await startDevServer()
  operator = await createOperator(server)
})
after(() => server?.stop())

for (const guide of ['static-secrets', 'versioned-secrets', 'response-wrapping', 'encryption']) {
  test(`hvac runs the guide ${guide}`, { skip }, async () => {
    const env = { ...process.env, VAULT_ADDR: server.addr, VAULT_TOKEN: operator, ROOT_TOKEN: server.token }
    const program = python('folder' in installed ? installed.folder : '')
    const { code, stdout, stderr } = await runProgram([program, join(projectRoot, 'compat/clients/guides.py'), guide], { env })
    assert.equal(code, 0, stdout + stderr)
  })
}
