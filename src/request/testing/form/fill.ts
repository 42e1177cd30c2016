/** A server with something of each kind that has a form of its own in the store: for fixtures, with which every later version must open. */
import { JsonText, parseJson, type Json } from '../../../kit/json.ts'
import type { ServeHarness } from '../serve-harness.ts'
import { decodeRecord } from '../../../barrier/record.ts'
import { keysUnder } from '../../../core/check/findings.ts'
import { opaqueStore, type Base } from '../../../core/base.ts'

/** What a later version must still know: see `form.test.ts`. */
export async function fill(server: ServeHarness): Promise<void> {
  const write = (path: string, data: Json, token = server.rootToken) => server.ok('write', path, { data, token })
  await write('sys/mounts/kv', { type: 'kv', options: { version: '2' } })
  await write('sys/mounts/old', { type: 'kv' })
  await write('kv/data/folder/a', { data: { value: 'first' } })
  await write('kv/data/folder/a', { data: { value: 'second', number: 12 } })
  await write('kv/metadata/folder/a', { custom_metadata: { owner: 'ann' } })
  await write('old/b', { value: 'plain' })
  await write('sys/policies/acl/reader', { policy: 'path "kv/data/folder/*" { capabilities = ["read"] }' })
  await write('sys/auth/userpass', { type: 'userpass' })
  await write('auth/userpass/users/ann', { password: 'correct horse', token_policies: 'reader' })
  await write('auth/userpass/login/ann', { password: 'correct horse' })
  await write('sys/auth/approle', { type: 'approle' })
  await write('auth/approle/role/app', { bind_secret_id: false, secret_id_bound_cidrs: '127.0.0.1/32', token_policies: 'reader' })
  await write('auth/approle/role/app/role-id', { role_id: 'the-role-id' })
  await write('auth/token/create', { id: 'fixture-token', policies: ['reader'], ttl: '700h', num_uses: 0 })
  await write('sys/mounts/pki', { type: 'pki' })
  await write('pki/root/generate/internal', { common_name: 'Fixture', key_type: 'ec', ttl: '80000h' })
  await write('pki/roles/all', { allow_any_name: true, key_type: 'ec', ttl: '700h' })
  await write('pki/issue/all', { common_name: 'a.example.com' })
  await write('sys/quotas/lease-count/all', { max_leases: 100 })
  await write('sys/quotas/rate-limit/logins', { path: 'auth/userpass', rate: 1_000 })
  await server.ok('read', 'kv/data/folder/a', { headers: { 'x-vault-wrap-ttl': '24h' } })
}

/** The names of the fields of every kind of record: one line for each kind and set of fields, sorted. */
export async function shapesOf(base: Base): Promise<string[]> {
  const store = opaqueStore(base)
  const found = new Set<string>()
  for await (const key of keysUnder(store, '')) {
    if (key.startsWith('barrier/')) continue
    const isTree = /^t\/[^/]+\/r\//.test(key)
    const entry = await store.get(key)
    const kind = isTree ? `tree ${key.split('/')[1]?.startsWith('ns-') === true ? 'of the namespace' : 'of a mount'}` : (key.split('/')[0] as string)
    if (entry !== null && (isTree || !key.startsWith('t/'))) found.add(`${kind}: ${fieldsOf(isTree ? decodeRecord(entry.value).value : entry.value)}`)
  }
  return [...found].sort()
}

function fieldsOf(bytes: Uint8Array): string {
  if (bytes.length === 0) return 'empty'
  try {
    return described(parseJson(Buffer.from(bytes).toString()))
  } catch {
    return 'bytes'
  }
}

/** Fields of what clients wrote are not ours; they differ from `value` only in their names, which the script chooses. */
function described(value: Json): string {
  if (Array.isArray(value)) return `[${value.length === 0 ? '' : described(value[0] as Json)}]`
  if (value === null || typeof value !== 'object' || value instanceof JsonText) return value === null ? 'null' : typeof value
  return `{${Object.entries(value).map(([name, field]) => `${/^[0-9a-f-]{16,}$/.test(name) ? '*' : name} ${described(field as Json)}`).sort().join(', ')}}`
}
