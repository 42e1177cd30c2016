/** Backups of keys in the clear, and keys out of backups. */
import { parseBase64 } from '../../crypto/base64.ts'
import { badRequest } from '../../kit/errors.ts'
import { defaulted, flag, secret, text } from '../../kit/fields.ts'
import { path } from '../../kit/operation.ts'
import type { Transaction } from '../../kit/store.ts'
import { checkNotSoftDeleted, keys, readVersion, removeVersions, resolveKey, writeKey, writeVersion, type VersionRecord } from './records.ts'
import { keyName } from './sealing.ts'
import { parseBackup, writeBackup } from './vault-backup.ts'

export const backup = path('backup/{name}', keyName).read({
  summary: 'Show everything of a key in the clear, for restoring it. It must allow that.',
  async handle({ params, store, now }) {
    const before = await resolveKey(store, params.name, `key "${params.name}" not found`)
    checkNotSoftDeleted(before)
    if (!before.exportable) throw badRequest('exporting is disallowed on the policy')
    if (!before.plaintextBackup) throw badRequest('plaintext backup is disallowed on the policy')
    const key = { ...before, backup: { at: now, version: before.latest } }
    writeKey(store, key, before)
    const versions = new Map<number, VersionRecord>()
    for (let number = Math.max(1, key.minAvailable); number <= key.latest; number++) versions.set(number, await readVersion(store, key, number))
    return { backup: Buffer.from(writeBackup({ key, versions })).toString('base64') }
  },
})

const restoreInput = {
  backup: defaulted(secret(text('What the backup showed.')), ''),
  force: defaulted(flag('Whether a key of this name is replaced.'), false),
}

interface RestoreCall {
  readonly input: { readonly backup: string; readonly force: boolean }
  readonly store: Transaction
  readonly now: number
  readonly random: (bytes: number) => Uint8Array
}

async function restoreKey({ input, store, now, random }: RestoreCall, name: string): Promise<null> {
  if (input.backup === '') throw badRequest("'backup' must be supplied")
  if (name.includes('/')) throw badRequest('key names cannot be paths')
  const restored = parseBackup(parseBase64(input.backup, 'backup').toString(), name, now, random)
  const before = await keys.read(store, restored.key.name)
  if (before !== null && !input.force) throw badRequest(`key "${restored.key.name}" already exists`)
  if (before !== null) removeVersions(store, before, before.minAvailable, before.latest + 1)
  writeKey(store, restored.key, before)
  for (const [number, version] of restored.versions) writeVersion(store, restored.key, number, version)
  return null
}

export const restore = [
  path('restore').write({ summary: 'Restore a key from a backup.', input: restoreInput, handle: (call) => restoreKey(call, '') }),
  path('restore/{name*}', { name: text('The name that the key gets.') }).write({
    summary: 'Restore a key from a backup under a name.',
    input: restoreInput,
    handle: (call) => restoreKey(call, call.params.name),
  }),
]
