/** What is measured: each workload prepares a server and gives the requests that the load generator sends in a circle. */
import { call, textAt, type Target } from './api.ts'
import type { FollowUp } from './connection.ts'
import { formatRequest } from './load.ts'
import { finishDatabase, prepareDatabase } from './database.ts'
import { certificates, pkiMount } from './pki.ts'

export interface Prepared {
  readonly requests: readonly string[]
  readonly followUp?: FollowUp
}

export interface Workload {
  readonly name: string
  readonly summary: string
  readonly prepare: (target: Target) => Promise<Prepared>
  /** Measured only when it is asked for by its name: it needs more than the server. */
  readonly isExtra?: true
  /** When all have been measured, or one of them has failed. */
  readonly finish?: (targets: readonly Target[]) => Promise<void>
}

const secretCount = 200
const listedCount = 1000
/** About 1 KiB in the body of a request. */
const secret = { password: 'p'.repeat(480), certificate: 'c'.repeat(500) }
const mounts = { kv1: 'bench-kv1', kv2: 'bench-kv2', list: 'bench-list', pki: pkiMount, ssh: 'bench-ssh', transit: 'bench-transit' }
const methods = { service: 'bench-approle', batch: 'bench-approle-batch', userpass: 'bench-userpass' }
const policy = 'path "bench-*" { capabilities = ["create", "read", "update", "delete", "list"] }'

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i)

/** Runs `work` for each number below `count`, a few at a time. */
async function forEachOf(count: number, work: (i: number) => Promise<unknown>): Promise<void> {
  const numbers = range(count).values()
  const worker = async (): Promise<void> => {
    for (const i of numbers) await work(i)
  }
  await Promise.all(range(8).map(worker))
}

/** Makes the secrets that are read, and a policy; what an earlier run left is removed first. */
export async function prepareServer(target: Target): Promise<void> {
  await cleanServer(target)
  await call(target, 'POST', `sys/mounts/${mounts.kv1}`, { type: 'kv', options: { version: '1' } })
  await call(target, 'POST', `sys/mounts/${mounts.kv2}`, { type: 'kv', options: { version: '2' } })
  await call(target, 'PUT', 'sys/policies/acl/bench', { policy })
  await forEachOf(secretCount, async (i) => {
    await call(target, 'POST', `${mounts.kv1}/app/${i}`, secret)
    await call(target, 'POST', `${mounts.kv2}/data/app/${i}`, { data: secret })
  })
}

export async function cleanServer(target: Target): Promise<void> {
  for (const name of Object.values(mounts)) await call(target, 'DELETE', `sys/mounts/${name}`)
  for (const name of Object.values(methods)) await call(target, 'DELETE', `sys/auth/${name}`)
  await call(target, 'DELETE', 'sys/policies/acl/bench')
}

/** A token as an application has it: a policy, no sudo. */
async function appToken(target: Target): Promise<string> {
  const answer = await call(target, 'POST', 'auth/token/create', { policies: ['bench'], ttl: '4h' })
  return textAt(answer, 'auth.client_token')
}

const reads = (path: (i: number) => string) => async (target: Target): Promise<Prepared> => {
  const token = await appToken(target)
  return { requests: range(secretCount).map((i) => formatRequest({ method: 'GET', path: path(i), token })) }
}

const writes = (path: (i: number) => string, body: unknown) => async (target: Target): Promise<Prepared> => {
  const token = await appToken(target)
  return { requests: range(secretCount).map((i) => formatRequest({ method: 'POST', path: path(i), token, body })) }
}

const createTokens = (body: unknown) => (target: Target): Promise<Prepared> =>
  Promise.resolve({ requests: [formatRequest({ method: 'POST', path: 'auth/token/create', token: target.token, body })] })

async function prepareList(target: Target): Promise<Prepared> {
  await call(target, 'POST', `sys/mounts/${mounts.list}`, { type: 'kv', options: { version: '2' } })
  await forEachOf(listedCount, (i) => call(target, 'POST', `${mounts.list}/data/names/name-${i}`, { data: {} }))
  return { requests: [formatRequest({ method: 'GET', path: `${mounts.list}/metadata/names?list=true`, token: await appToken(target) })] }
}

const appRoleLogins = (mount: string, settings: Record<string, unknown>) => async (target: Target): Promise<Prepared> => {
  await call(target, 'POST', `sys/auth/${mount}`, { type: 'approle' })
  const path = `auth/${mount}/role/bench`
  await call(target, 'POST', path, { token_policies: ['bench'], token_ttl: '1h', ...settings })
  const role_id = textAt(await call(target, 'GET', `${path}/role-id`), 'data.role_id')
  const secret_id = textAt(await call(target, 'POST', `${path}/secret-id`, {}), 'data.secret_id')
  return { requests: [formatRequest({ method: 'POST', path: `auth/${mount}/login`, body: { role_id, secret_id } })] }
}

async function prepareUserpass(target: Target): Promise<Prepared> {
  await call(target, 'POST', `sys/auth/${methods.userpass}`, { type: 'userpass' })
  await call(target, 'POST', `auth/${methods.userpass}/users/bench`, { password: 'correct horse', token_policies: ['bench'] })
  const body = { password: 'correct horse' }
  return { requests: [formatRequest({ method: 'POST', path: `auth/${methods.userpass}/login/bench`, body })] }
}

const wrappedRead = (token: string): string =>
  formatRequest({ method: 'GET', path: `${mounts.kv2}/data/app/1`, token, headers: { 'X-Vault-Wrap-TTL': '300' } })

async function prepareUnwrap(target: Target): Promise<Prepared> {
  const request = formatRequest({ method: 'POST', path: 'sys/wrapping/unwrap', token: '{capture}' })
  return { requests: [wrappedRead(await appToken(target))], followUp: { capture: '"wrap_info":\\{"token":"([^"]+)"', request } }
}

/** Certificates of half an hour for an Ed25519 key, by an Ed25519 authority: what is measured is everything around the signature. */
async function prepareSsh(target: Target): Promise<Prepared> {
  await call(target, 'POST', `sys/mounts/${mounts.ssh}`, { type: 'ssh' })
  await call(target, 'POST', `${mounts.ssh}/config/ca`, { key_type: 'ed25519' })
  await call(target, 'POST', `${mounts.ssh}/roles/bench`, { key_type: 'ca', allow_user_certificates: true, allowed_users: 'bench', default_user: 'bench', ttl: '30m' })
  const public_key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBRf2H6N8Pj23ivrys1vSs6hKXVpDazET7KoA87n436a'
  const token = await appToken(target)
  return { requests: [formatRequest({ method: 'POST', path: `${mounts.ssh}/sign/bench`, token, body: { public_key } })] }
}

/** About 1 KiB for each text, in base64. */
const plaintext = Buffer.alloc(760, 'p').toString('base64')
/** OpenBao takes no more than 1,000 texts in a request by default, keys included. */
const batchLength = 400

/** `operation` with a key of `type`; making an RSA key may take seconds. */
const transit = (operation: string, type: string, body: unknown) => async (target: Target): Promise<Prepared> => {
  const isThere = await call(target, 'GET', `sys/mounts/${mounts.transit}`).then(() => true, () => false)
  if (!isThere) await call(target, 'POST', `sys/mounts/${mounts.transit}`, { type: 'transit' })
  await call(target, 'POST', `${mounts.transit}/keys/${type}`, { type })
  return { requests: [formatRequest({ method: 'POST', path: `${mounts.transit}/${operation}/${type}`, token: await appToken(target), body })] }
}

export const workloads: readonly Workload[] = [
  { name: 'health', summary: 'sys/health, no token', prepare: () => Promise.resolve({ requests: [formatRequest({ method: 'GET', path: 'sys/health' })] }) },
  { name: 'lookup-self', summary: 'auth/token/lookup-self', prepare: async (target) => ({ requests: [formatRequest({ method: 'GET', path: 'auth/token/lookup-self', token: await appToken(target) })] }) },
  { name: 'kv2-read', summary: 'read 1 KiB, KV version 2', prepare: reads((i) => `${mounts.kv2}/data/app/${i}`) },
  { name: 'kv1-read', summary: 'read 1 KiB, KV version 1', prepare: reads((i) => `${mounts.kv1}/app/${i}`) },
  { name: 'kv2-write', summary: 'write 1 KiB, KV version 2', prepare: writes((i) => `${mounts.kv2}/data/written/${i}`, { data: secret }) },
  { name: 'kv1-write', summary: 'write 1 KiB, KV version 1', prepare: writes((i) => `${mounts.kv1}/written/${i}`, secret) },
  { name: 'list', summary: `list ${listedCount} names`, prepare: prepareList },
  { name: 'token', summary: 'create a service token', prepare: createTokens({ policies: ['bench'], ttl: '1h' }) },
  { name: 'token-batch', summary: 'create a batch token', prepare: createTokens({ policies: ['bench'], ttl: '1h', type: 'batch' }) },
  { name: 'approle', summary: 'AppRole login', prepare: appRoleLogins(methods.service, {}) },
  { name: 'approle-batch', summary: 'AppRole login, batch token', prepare: appRoleLogins(methods.batch, { token_type: 'batch' }) },
  { name: 'userpass', summary: 'password login', prepare: prepareUserpass },
  { name: 'ssh-sign', summary: 'sign an SSH certificate, Ed25519', prepare: prepareSsh },
  { name: 'encrypt', summary: 'encrypt 1 KiB, AES-256-GCM', prepare: transit('encrypt', 'aes256-gcm96', { plaintext }) },
  { name: 'encrypt-batch', summary: `encrypt ${batchLength} texts in one request`, prepare: transit('encrypt', 'aes256-gcm96', { batch_input: range(batchLength).map((i) => ({ plaintext: Buffer.from(`text ${i}`).toString('base64') })) }) },
  { name: 'sign-ed25519', summary: 'sign, Ed25519', prepare: transit('sign', 'ed25519', { input: plaintext }) },
  { name: 'sign-rsa', summary: 'sign, RSA-2048', prepare: transit('sign', 'rsa-2048', { input: plaintext }) },
  { name: 'wrap', summary: 'wrapped read', prepare: async (target) => ({ requests: [wrappedRead(await appToken(target))] }) },
  { name: 'unwrap', summary: 'wrapped read and its unwrapping', prepare: prepareUnwrap },
  { name: 'db-creds', summary: 'make a user in PostgreSQL', prepare: (target) => prepareDatabase(target, appToken), finish: finishDatabase, isExtra: true },
  { name: 'pki-issue', summary: 'issue a certificate with a key on P-256, not kept', prepare: certificates('issue', false, appToken) },
  { name: 'pki-issue-stored', summary: 'the same, kept', prepare: certificates('issue', true, appToken) },
  { name: 'pki-sign', summary: 'sign a request for a key on P-256, not kept', prepare: certificates('sign', false, appToken) },
]
