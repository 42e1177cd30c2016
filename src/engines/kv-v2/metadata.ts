/** Settings and history of secrets. */
import { badRequest } from '../../kit/errors.ts'
import { duration, flag, integer, object, optional, text } from '../../kit/fields.ts'
import type { JsonObject } from '../../kit/json.ts'
import { path } from '../../kit/operation.ts'
import { listed } from '../../kit/result.ts'
import { folderOf, isFolder, listPage, pageFields, scanPage } from '../walk.ts'
import { patchCustomMetadata, replaceCustomMetadata, type CustomMetadata } from './custom-metadata.ts'
import { findSecret, newId, readMount, removeValue, secrets, secretsFolder, type MountSettings } from './records.ts'
import type { SecretRecord } from './secret.ts'
import { checkDeleteAfter, checkMaxVersions, checkMetadataCas, emptySecret } from './rules.ts'
import { nothingToPatch, showSecret } from './show.ts'

const metadataPath = path('metadata/{path*}', { path: text('Where the secret is kept.') })

const settings = {
  max_versions: optional(integer('How many versions are kept; 0 for as many as the mount says.')),
  cas_required: optional(flag('Whether every write must carry `options.cas`.')),
  metadata_cas_required: optional(flag('Whether every write of these settings must carry `metadata_cas`.')),
  delete_version_after: optional(duration('How long versions live; 0 for as long as the mount says.')),
  custom_metadata: optional(object('Up to 64 texts that describe the secret.')),
  metadata_cas: optional(integer('The `current_metadata_version` that this write follows; 0 for a secret that must not exist yet.')),
}

interface Settings {
  readonly max_versions?: number
  readonly cas_required?: boolean
  readonly metadata_cas_required?: boolean
  readonly delete_version_after?: number
  readonly custom_metadata?: JsonObject
  readonly metadata_cas?: number
}

const changesNothing = (input: Settings): boolean => Object.keys(input).every((name) => name === 'metadata_cas')

export const readMetadata = metadataPath.read({
  summary: 'Read the settings of a secret and the state of its versions.',
  async handle({ params, store }) {
    const secret = await findSecret(store, params.path)
    return secret === null ? null : showSecret(secret)
  },
})

export const writeMetadata = metadataPath.write({
  summary: 'Set the settings of a secret; those that are not named stay as they are.',
  input: settings,
  exists: async ({ params, store }) => !isFolder(params.path) && (await store.get(secrets.key(params.path))) !== null,
  async handle(call) {
    const { now, params, store } = call
    const input = withoutNullDuration(call.input, call.body)
    if (isFolder(params.path)) throw badRequest("cannot write to a path ending in '/'")
    const mount = await readMount(store)
    if (changesNothing(input)) return null
    const custom = input.custom_metadata === undefined ? undefined : replaceCustomMetadata(input.custom_metadata)
    const before = await secrets.read(store, params.path)
    checkMetadataCas(input.metadata_cas, mount, before)
    checkSettings(call, mount)
    secrets.write(store, settingsWritten(before ?? emptySecret(newId(call.random), now), changesOf(input, custom), now), params.path)
    return null
  },
})

export const patchMetadata = metadataPath.patch({
  summary: 'Change settings of a secret that exists; single keys of the custom metadata, where `null` removes one.',
  input: settings,
  async handle(call) {
    const { body, now, params, store } = call
    const input = withoutNullDuration(call.input, body)
    const mount = await readMount(store)
    if (changesNothing(input)) return null
    // What is malformed is refused whether or not there is a secret.
    patchCustomMetadata(null, input.custom_metadata ?? {})
    checkSettings(call, mount)
    const before = await findSecret(store, params.path)
    if (before === null) return nothingToPatch
    checkMetadataCas(input.metadata_cas, mount, before)
    const custom = input.custom_metadata === undefined ? undefined : patchedCustom(before, input.custom_metadata, body)
    secrets.write(store, settingsWritten(before, changesOf(input, custom), now), params.path)
    return null
  },
})

export const deleteMetadata = metadataPath.delete({
  summary: 'Remove a secret with all its versions, for good.',
  async handle({ params, store }) {
    const secret = await findSecret(store, params.path)
    if (secret === null) return null
    for (const version of secret.versions) if (version.state === 'live') removeValue(store, secret.id, version)
    secrets.remove(store, params.path)
    return null
  },
})

export const listMetadata = metadataPath.list({
  summary: 'List the names of secrets and folders; folders end in `/`.',
  input: pageFields,
  async handle({ params, input, store }) {
    await readMount(store)
    return listed(await listPage(store, secretsFolder + folderOf(params.path), input))
  },
})

export const scanMetadata = metadataPath.scan({
  summary: 'List the paths of all secrets below a folder, at any depth.',
  input: pageFields,
  async handle({ params, input, store }) {
    await readMount(store)
    return listed(await scanPage(store, secretsFolder + folderOf(params.path), input))
  },
})

/** `null` for the whole map removes all of it. */
const patchedCustom = (before: SecretRecord, patch: JsonObject, body: JsonObject | null): CustomMetadata | null =>
  body !== null && body['custom_metadata'] === null ? null : patchCustomMetadata(before.custom, patch)

/** `null` as a lifetime leaves it as it is, as in Vault; for the other settings it is the empty value. */
function withoutNullDuration(input: Settings, body: JsonObject | null): Settings {
  if (body === null || body['delete_version_after'] !== null) return input
  const { delete_version_after: _, ...rest } = input
  return rest
}

/** What a request changes in the record. */
function changesOf(input: Settings, custom: CustomMetadata | null | undefined): Partial<SecretRecord> {
  return {
    ...(input.max_versions !== undefined && { maxVersions: input.max_versions }),
    ...(input.cas_required !== undefined && { casRequired: input.cas_required }),
    ...(input.metadata_cas_required !== undefined && { metadataCasRequired: input.metadata_cas_required }),
    ...(input.delete_version_after !== undefined && { deleteAfterSeconds: input.delete_version_after }),
    ...(custom !== undefined && { custom }),
  }
}

const settingsWritten = (before: SecretRecord, changes: Partial<SecretRecord>, now: number): SecretRecord =>
  ({ ...before, ...changes, revision: before.revision + 1, updatedAt: now })

/** Refuses settings that mean nothing, and warns of those that have no effect because the mount or a limit overrules them. */
function checkSettings({ input, warn }: { readonly input: Settings; readonly warn: (text: string) => void }, mount: MountSettings): void {
  if (input.delete_version_after !== undefined) checkDeleteAfter(input.delete_version_after)
  const tooMany = input.max_versions === undefined ? null : checkMaxVersions(input.max_versions)
  if (tooMany !== null) warn(tooMany)
  const overruled = (name: string): void => warn(`"${name}" is false here but true for the mount, which counts`)
  if (mount.casRequired && input.cas_required === false) overruled('cas_required')
  if (mount.metadataCasRequired && input.metadata_cas_required === false) overruled('metadata_cas_required')
}
