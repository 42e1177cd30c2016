/** The data of secrets: read a version, write the next one, change the current one by a merge patch, delete it. */
import { badRequest } from '../../kit/errors.ts'
import { anything, defaulted, integer, object, optional, secret as hidden, text } from '../../kit/fields.ts'
import type { JsonObject } from '../../kit/json.ts'
import { path, type CallerView } from '../../kit/operation.ts'
import { reply, type Data } from '../../kit/result.ts'
import type { Transaction } from '../../kit/store.ts'
import { isFolder } from '../walk.ts'
import { mergeObject } from './merge-patch.ts'
import { findSecret, newId, readMount, readValue, removeValue, secrets, writeValue, type MountSettings } from './records.ts'
import type { SecretRecord } from './secret.ts'
import { addVersion, changeVersions, checkCas, deleted, deletionTime, emptySecret, findVersion, isReadable, versionsKept } from './rules.ts'
import { nothingToPatch, showVersion, writtenVersion } from './show.ts'

const dataPath = path('data/{path*}', { path: text('Where the secret is kept.') })

const versionOutput = {
  created_time: text('When the version was written (RFC 3339).'),
  custom_metadata: anything('Custom metadata of the secret, or null.'),
  deletion_time: text('When the version was or will be deleted; empty if never.'),
  destroyed: anything('Whether the data of the version is gone for good.'),
  version: integer('Number of the version.'),
}

const writeInput = {
  options: defaulted(object('`cas`: the number of the version that this write follows; 0 for a secret that must not exist yet.'), {}),
  data: optional(hidden(object('The secret itself.'))),
}

export const readData = dataPath.read({
  summary: 'Read a version of a secret.',
  description: 'A version that was deleted or destroyed is answered with status 404 and its metadata.',
  input: { version: defaulted(integer('Number of the version; the current one when 0 or less.'), 0) },
  output: { data: hidden(object('The secret itself.')), metadata: object('The version: see the answer of a write.') },
  async handle({ params, input, store, now }) {
    const secret = await findSecret(store, params.path)
    const version = secret === null ? null : findVersion(secret, input.version)
    if (secret === null || version === null) return null
    const metadata = writtenVersion(secret, version)
    if (!isReadable(version, now)) return reply({ status: 404, data: { data: null, metadata } })
    return { data: await readValue(store, params.path, secret, version), metadata }
  },
})

export const writeData = dataPath.write({
  summary: 'Write the next version of a secret.',
  input: writeInput,
  output: versionOutput,
  exists: async ({ params, store }) => !isFolder(params.path) && (await store.get(secrets.key(params.path))) !== null,
  async handle(call) {
    const { input, params, store } = call
    if (input.data === undefined) throw badRequest('no data provided')
    if (isFolder(params.path)) throw badRequest("cannot write to a path ending in '/'")
    const mount = await readMount(store)
    const secret = (await secrets.read(store, params.path)) ?? emptySecret(newId(call.random), call.now)
    checkCas(input.options, mount, secret)
    return writeVersion(call, mount, secret, input.data)
  },
})

export const patchData = dataPath.patch({
  summary: 'Change parts of the current version by a JSON merge patch, as the next version.',
  description: '`data` is merged into the current data (RFC 7396): `null` removes a key.',
  input: writeInput,
  output: versionOutput,
  async handle(call) {
    const { body, input, params, store, now } = call
    if (input.data === undefined) throw badRequest('no data provided')
    if (body !== null && body['data'] === null) throw badRequest('"data" must be an object')
    const mount = await readMount(store)
    const secret = await findSecret(store, params.path)
    if (secret === null) return nothingToPatch
    checkCas(input.options, mount, secret)
    const version = findVersion(secret, 0)
    if (version === null) return nothingToPatch
    if (!isReadable(version, now)) return reply({ status: 404, data: showVersion(secret, version) })
    const before = await readValue(store, params.path, secret, version)
    return writeVersion(call, mount, secret, mergeObject(before.value() as JsonObject, input.data))
  },
})

export const deleteData = dataPath.delete({
  summary: 'Delete the current version; it can be undeleted.',
  async handle({ params, store, now }) {
    const secret = await findSecret(store, params.path)
    if (secret === null) return null
    const changed = changeVersions(secret, [secret.current], (version) => deleted(version, now))
    if (changed !== secret) secrets.write(store, changed, params.path)
    return null
  },
})

interface WriteCall {
  readonly params: { readonly path: string }
  readonly store: Transaction
  readonly caller: CallerView | null
  readonly now: number
  readonly random: (bytes: number) => Uint8Array
}

async function writeVersion(call: WriteCall, mount: MountSettings, before: SecretRecord, data: JsonObject): Promise<Data> {
  const { caller, now, params, store } = call
  const { secret, version, dropped } = addVersion(before, versionsKept(mount, before), {
    id: newId(call.random),
    createdAt: now,
    deletedAt: deletionTime(mount, before, now),
    by: caller === null ? null : { accessor: caller.accessor, entity: caller.entityId },
  })
  secrets.write(store, secret, params.path)
  await writeValue(store, secret.id, version, data)
  for (const old of dropped) removeValue(store, secret.id, old)
  return showVersion(secret, version)
}
