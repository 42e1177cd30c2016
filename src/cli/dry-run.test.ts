/** What is printed instead of a request can be pasted into a shell, and holds no token. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import { parseExact } from '../../client/src/exact-json.ts'
import { curlCommand, policyFor } from './dry-run.ts'

const request = (method: string, path: string, body?: unknown, query?: Record<string, boolean>) => ({
  method,
  address: 'http://127.0.0.1:8200',
  path,
  query,
  headers: { 'X-Vault-Request': 'true', 'X-Vault-Token': 'hvs.secret' },
  body,
})
const settings = { program: 'coffer', insecure: false, caCert: undefined, caPath: undefined, clientCert: undefined, clientKey: undefined }

test('a read is a curl command that asks for the token', () => {
  assert.equal(
    curlCommand(request('GET', 'secret/data/a b'), settings),
    'curl -H "X-Vault-Request: true" -H "X-Vault-Token: $(coffer print token)" "http://127.0.0.1:8200/v1/secret/data/a%20b"',
  )
})

test('a body reaches curl as it was meant, whatever quotes and signs are in it', () => {
  const body = parseExact('{"a":"it\'s $HOME `x` \\"q\\" \\\\","n":12345678901234567890}')
  const curl = curlCommand(request('PUT', 'secret/x', body), settings)
  const command = curl.replace(/^curl/, "printf '%s\\n'").replace('$(coffer print token)', 'T')
  const words = execFileSync('sh', ['-c', command]).toString().split('\n')
  assert.equal(words[words.indexOf('-d') + 1], '{"a":"it\'s $HOME `x` \\"q\\" \\\\","n":12345678901234567890}')
})

test('files for TLS and a unix socket become options', () => {
  const local = { ...request('GET', 'sys/health'), address: 'unix:///run/c.sock' }
  const command = curlCommand(local, { ...settings, insecure: true, caCert: "a'b.pem" })
  assert.match(command, /^curl --insecure --unix-socket '\/run\/c\.sock' --cacert 'a'"'"'b\.pem' .* "http:\/\/localhost\/v1\/sys\/health"$/)
})

test('the policy names what the request needs, and sudo where the path asks for it', () => {
  assert.equal(policyFor(request('PUT', 'secret/data/x')), 'path "secret/data/x" {\n  capabilities = ["create", "update"]\n}')
  const needed = (method: string, path: string, query?: Record<string, boolean>): string | undefined =>
    /\[(.*)\]/.exec(policyFor(request(method, path, undefined, query)))?.[1]
  assert.equal(needed('GET', 'secret/metadata/x', { list: true }), '"list"')
  assert.equal(needed('PATCH', 'secret/data/x'), '"patch"')
  assert.equal(needed('DELETE', 'sys/auth/userpass'), '"delete", "sudo"')
  assert.equal(needed('PUT', 'sys/seal'), '"create", "update", "sudo"')
  assert.equal(needed('GET', 'sys/authx'), '"read"')
})
