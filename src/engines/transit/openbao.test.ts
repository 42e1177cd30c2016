/** Backups, ciphertexts and signatures that OpenBao 2.5.5 made are taken, and what we make of its keys is what it would have made. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { parseJson, type Json, type JsonObject } from '../../kit/json.ts'
import { memoryStore } from '../../storage/memory.ts'
import { beginTransaction } from '../../storage/transaction.ts'
import { base64, transitHarness } from './testing.ts'

interface Exchanged {
  readonly name: string
  readonly backup: string
  readonly checks: readonly { readonly path: string; readonly suffix?: string; readonly body: JsonObject; readonly data: JsonObject }[]
}

const file = new URL('../../../../src/engines/transit/testing/openbao.json', import.meta.url)
const { keys } = JSON.parse(readFileSync(file, 'utf8')) as { readonly keys: readonly Exchanged[] }

test('every backup restores, and what was made with its key there decrypts and verifies here', async () => {
  const { write } = transitHarness(memoryStore(), beginTransaction)
  for (const { name, backup, checks } of keys) {
    await write('restore', { backup })
    for (const { path, suffix = '', body, data } of checks) assert.deepEqual(await write(`${path}/${name}${suffix}`, body), data, `${name}: ${path}${suffix}`)
  }
  assert.ok(keys.length >= 23, `${keys.length} keys`)
})

const decoded = (backup: Json | undefined): JsonObject => parseJson(Buffer.from(backup as string, 'base64').toString()) as JsonObject
/** Times with nanoseconds, and what a restore and a backup write. */
const isOwn = (name: string): boolean => ['time', 'backup_info', 'restore_info', 'rsa_public_key'].includes(name)
const comparable = (value: Json): unknown => {
  if (Array.isArray(value)) return (value as readonly Json[]).map(comparable)
  if (typeof value !== 'object' || value === null || 'text' in value) return value
  return Object.fromEntries(Object.entries(value as JsonObject).filter(([name]) => !isOwn(name)).map(([name, part]) => [name, comparable(part)]))
}

test('a backup of a restored key says the same, number by number', async () => {
  const { write, read } = transitHarness(memoryStore(), beginTransaction)
  for (const { name, backup } of keys) {
    await write('restore', { backup })
    assert.deepEqual(comparable(decoded((await read(`backup/${name}`))['backup'])), comparable(decoded(backup)), name)
  }
})

test('what was archived and trimmed there is so here', async () => {
  const { write, read, refused } = transitHarness(memoryStore(), beginTransaction)
  await write('restore', { backup: keys.find(({ name }) => name === 'archived')?.backup ?? '' })
  const key = await read('keys/archived')
  assert.deepEqual(Object.keys(key['keys'] as JsonObject), ['3', '4'])
  assert.deepEqual([key['min_available_version'], key['latest_version'], key['auto_rotate_period'], key['deletion_allowed']], [2, 4, 86_400, true])
  assert.match(await refused('encrypt/archived', { plaintext: base64('text'), key_version: 2 }), /less than the minimum/)
  await write('keys/archived/config', { min_decryption_version: 2, min_encryption_version: 2 })
  assert.equal((await write('encrypt/archived', { plaintext: base64('text'), key_version: 2 }))['key_version'], 2)
})
