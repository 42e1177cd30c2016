/** External account bindings (RFC 8555 §7.3.4): made by whoever may, used once for an account of the directory that they were made for. */
import { text } from '../../../kit/fields.ts'
import { path, type Call } from '../../../kit/operation.ts'
import { reply, type Result } from '../../../kit/result.ts'
import { formatTime } from '../../../kit/time.ts'
import { newId } from '../records.ts'
import { pageFields } from '../request-fields.ts'
import { eabFolder, eabs } from './records.ts'

/** Four base64url characters are three bytes, so that what clients decode is the mark and the secret. */
const mark = 'vault-eab-0-'

export function makeEab({ store, random, now }: Pick<Call<unknown, unknown>, 'store' | 'random' | 'now'>, prefix: string): Result {
  const eab = { id: newId(random), key: mark + Buffer.from(random(32)).toString('base64url'), directory: `${prefix}acme/`, createdAt: now }
  eabs.write(store, eab, eab.id)
  return { id: eab.id, key: eab.key, key_type: 'hs', acme_directory: `${eab.directory}directory`, created_on: formatTime(now) }
}

const listEabs = path('eab').list({
  summary: 'List the external account bindings that were not used yet.',
  input: pageFields,
  async handle({ input, store }) {
    const ids = await store.list(eabFolder, { limit: 1000, ...input })
    const found = await Promise.all(ids.map(async (id) => [id, await eabs.read(store, id)] as const))
    const info = found.map(([id, eab]) => [id, eab === null ? {} : { key_type: 'hs', acme_directory: `${eab.directory}directory`, created_on: formatTime(eab.createdAt) }] as const)
    return ids.length === 0 ? null : { keys: ids, key_info: Object.fromEntries(info) }
  },
})

const deleteEab = path('eab/{key_id}', { key_id: { ...text('Id of the binding.'), pattern: /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/ } }).delete({
  summary: 'Delete an external account binding that was not used yet.',
  async handle({ params, store }) {
    const found = await eabs.read(store, params.key_id)
    eabs.remove(store, params.key_id)
    return reply({ status: 200, warnings: found === null ? [`No key id found with id: ${params.key_id}`] : [] })
  },
})

export const eabOperations = [listEabs, deleteEab]
