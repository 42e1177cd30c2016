/** Deleting, restoring and destroying versions by their numbers. */
import { badRequest } from '../../kit/errors.ts'
import { defaulted, integerList, text } from '../../kit/fields.ts'
import { path } from '../../kit/operation.ts'
import type { Transaction } from '../../kit/store.ts'
import { findSecret, readMount, removeValue, secrets } from './records.ts'
import type { SecretRecord, VersionRecord } from './secret.ts'
import { changeVersions, deleted, deletionTime, destroyed, undeleted } from './rules.ts'

const pathField = { path: text('Where the secret is kept.') }
const versions = (purpose: string) => ({ versions: defaulted(integerList(`Numbers of the versions to ${purpose}.`), []) })

interface VersionsCall {
  readonly params: { readonly path: string }
  readonly input: { readonly versions: readonly number[] }
  readonly store: Transaction
}

type Change = (version: VersionRecord, secret: SecretRecord) => VersionRecord
interface Changed {
  readonly before: SecretRecord
  readonly after: SecretRecord
}

/** Writes the secret when `how` changes any of the versions; `null` when there is no secret. Unknown versions are ignored. */
async function change({ params, input, store }: VersionsCall, how: Change): Promise<Changed | null> {
  const before = await findSecret(store, params.path)
  if (before === null) return null
  const after = changeVersions(before, input.versions, (version) => how(version, before))
  if (after !== before) secrets.write(store, after, params.path)
  return { before, after }
}

export const deleteVersions = path('delete/{path*}', pathField).write({
  summary: 'Delete versions; they can be undeleted.',
  input: versions('delete'),
  async handle(call) {
    if (call.input.versions.length === 0) throw badRequest('No version number provided')
    await change(call, (version) => deleted(version, call.now))
    return null
  },
})

export const undeleteVersions = path('undelete/{path*}', pathField).write({
  summary: 'Restore versions that were deleted, but not destroyed.',
  input: versions('restore'),
  async handle(call) {
    if (call.input.versions.length === 0) throw badRequest('No version number provided')
    const mount = await readMount(call.store)
    await change(call, (version, secret) => undeleted(version, deletionTime(mount, secret, call.now)))
    return null
  },
})

export const destroyVersions = path('destroy/{path*}', pathField).write({
  summary: 'Destroy the data of versions for good.',
  input: versions('destroy'),
  async handle(call) {
    if (call.input.versions.length === 0) throw badRequest('no version number provided')
    const changed = await change(call, destroyed)
    changed?.after.versions.forEach((version, i) => {
      if (version !== changed.before.versions[i]) removeValue(call.store, changed.after.id, version)
    })
    return null
  },
})
