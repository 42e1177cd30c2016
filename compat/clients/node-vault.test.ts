/** The guides with node-vault, the client for Node, as npm has it. */
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { startDevServer, type TestServer } from '../server.ts'
import { appsPolicy, apiKey, customers, devPolicy } from './guides.ts'
import { createOperator } from './operator.ts'
import { installClient } from './shell.ts'

/** The body of an answer, as the server sent it. */
interface Body {
  readonly [key: string]: Body & string & number & boolean & readonly string[]
}

interface Client {
  read(path: string): Promise<Body>
  write(path: string, data: unknown, options?: unknown): Promise<Body>
  list(path: string): Promise<Body>
  delete(path: string): Promise<Body>
  mount(options: unknown): Promise<Body>
  addPolicy(options: unknown): Promise<Body>
  tokenCreate(options: unknown): Promise<Body>
  tokenLookupSelf(): Promise<Body>
  tokenRevokeSelf(): Promise<Body>
  unwrap(options: unknown): Promise<Body>
  health(): Promise<Body>
}

type Connect = (options: { endpoint: string; token: string }) => Client

const version = '0.12.0'
const installed = installClient(`node-vault-${version}`, (folder) => [
  ['npm', 'install', '--silent', '--no-save', '--ignore-scripts', '--no-audit', '--no-fund', '--prefix', folder, `node-vault@${version}`],
])
const skip = 'reason' in installed && installed.reason

let server: TestServer
let operatorToken = ''
let operator: Client
let root: Client

function connect(token: string): Client {
  const require = createRequire(join('folder' in installed ? installed.folder : '', 'package.json'))
  return (require('node-vault') as Connect)({ endpoint: server.addr, token })
}

/** What node-vault throws carries the answer. */
const refusal = (status: number, text = ''): ((error: unknown) => boolean) => (error) => {
  const { response, message } = error as { response?: { statusCode?: number; body?: unknown }; message: string }
  assert.equal(response?.statusCode, status, message)
  assert.ok(`${message} ${JSON.stringify(response?.body)}`.includes(text), message)
  return true
}

before(async () => {
  if (skip) return
  server = await startDevServer()
  operatorToken = await createOperator(server)
  operator = connect(operatorToken)
  root = connect(server.token)
})
after(() => server?.stop())

test('node-vault runs the guide static-secrets', { skip }, async () => {
  assert.equal((await root.health())['initialized'], true)
  await operator.write('secret/data/eng/apikey/Google', { data: { key: apiKey } })
  await operator.addPolicy({ name: 'apps', rules: appsPolicy })
  // This call makes the client go on with the new token, so it gets a client of its own.
  const { auth } = await connect(operatorToken).tokenCreate({ policies: ['apps'], ttl: '1h' })
  assert.deepEqual(auth?.['policies'], ['apps', 'default'])
  const apps = connect(String(auth?.['client_token']))
  assert.deepEqual((await apps.read('secret/data/eng/apikey/Google'))['data']?.['data'], { key: apiKey })
  assert.deepEqual((await apps.tokenLookupSelf())['data']?.['policies'], ['apps', 'default'])
  await assert.rejects(apps.write('secret/data/eng/apikey/Google', { data: {} }), refusal(403, 'permission denied'))
  await assert.rejects(apps.list('secret/metadata/eng'), refusal(403))
})

test('node-vault runs the guide versioned-secrets', { skip }, async () => {
  await operator.write('secret/metadata/customer/acme', { max_versions: 4 })
  for (const data of customers) await operator.write('secret/data/customer/acme', { data })
  assert.deepEqual((await operator.read('secret/data/customer/acme?version=3'))['data']?.['data'], customers[2])
  assert.deepEqual((await operator.list('secret/metadata/customer'))['data']?.['keys'], ['acme'])
  const metadata = (await operator.read('secret/metadata/customer/acme'))['data']
  assert.deepEqual([metadata?.['current_version'], metadata?.['oldest_version']], [6, 3])
  await assert.rejects(operator.read('secret/data/customer/acme?version=1'), refusal(404))
  await operator.write('secret/delete/customer/acme', { versions: [6] })
  await assert.rejects(operator.read('secret/data/customer/acme'), refusal(404))
  await operator.write('secret/undelete/customer/acme', { versions: [6] })
  assert.deepEqual((await operator.read('secret/data/customer/acme'))['data']?.['data'], customers[5])
  await operator.write('secret/destroy/customer/acme', { versions: [5] })
  await operator.delete('secret/metadata/customer/acme')
  await assert.rejects(operator.read('secret/metadata/customer/acme'), refusal(404))
  await operator.write('secret/data/partner', { data: { a: 'b' }, options: { cas: 0 } })
  await assert.rejects(operator.write('secret/data/partner', { data: {}, options: { cas: 0 } }), refusal(400, 'did not match the current version'))
})

test('node-vault runs the guide response-wrapping', { skip }, async () => {
  await root.mount({ mount_point: 'kv1', type: 'kv' })
  await operator.addPolicy({ name: 'dev', rules: devPolicy })
  const wrapped = await operator.write('auth/token/create', { policies: ['dev'] }, { headers: { 'X-Vault-Wrap-TTL': '120' } })
  assert.equal(wrapped['wrap_info']?.['ttl'], 120)
  const token = String(wrapped['wrap_info']?.['token'])
  const { auth } = await connect(token).unwrap({})
  assert.deepEqual(auth?.['policies'], ['default', 'dev'])
  await assert.rejects(operator.unwrap({ token }), refusal(400, 'wrapping token is not valid or does not exist'))
  const dev = connect(String(auth?.['client_token']))
  await assert.rejects(dev.read('kv1/dev'), refusal(404))
  await root.write('kv1/dev', { a: 'b' })
  assert.deepEqual((await dev.read('kv1/dev'))['data'], { a: 'b' })
  await dev.write('cubbyhole/private', { token: '123' })
  await assert.rejects(root.read('cubbyhole/private'), refusal(404))
  await dev.tokenRevokeSelf()
  await assert.rejects(dev.read('cubbyhole/private'), refusal(403))
})
