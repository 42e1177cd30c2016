/** The one resource of KV version 1: whatever object the client keeps at a path. */
import { badRequest } from '../../kit/errors.ts'
import { text } from '../../kit/fields.ts'
import type { JsonObject } from '../../kit/json.ts'
import { path } from '../../kit/operation.ts'
import { listed, reply } from '../../kit/result.ts'
import type { Transaction } from '../../kit/store.ts'
import { checkUnconverted } from '../kv-v2/records.ts'
import { folderOf, isFolder, listPage, pageFields, scanPage } from '../walk.ts'
import { values, valuesFolder } from './records.ts'
import { leaseSecondsOf } from './rules.ts'

const secret = path('{path*}', { path: text('Where the secret is kept.') })
const top = path('')

/** `null`: there is none. What is missing may have been converted meanwhile, so a miss looks at the state of the mount. */
async function findSecret(store: Transaction, at: string): Promise<JsonObject | null> {
  const found = isFolder(at) ? null : await values.read(store, at)
  if (found === null) await checkUnconverted(store)
  return found
}

export const readSecret = secret.read({
  summary: 'Read a secret.',
  description:
    'Answers the object as it was written. `lease_duration` is the `ttl` that the object carries, or the default of the mount: ' +
    'a hint when to read again; nothing expires by it.',
  async handle({ params, store, mount }) {
    const data = await findSecret(store, params.path)
    return data === null ? null : reply({ data, shownLease: { seconds: leaseSecondsOf(data, mount.defaultLeaseSeconds) } })
  },
})

export const writeSecret = secret.write({
  summary: 'Create or replace a secret.',
  description: 'Keeps the object as it is, numbers digit by digit. A field `ttl` (or `lease`) in it sets the `lease_duration` of reads.',
  arbitraryInput: true,
  exists: async ({ params, store }) => !isFolder(params.path) && (await store.get(values.key(params.path))) !== null,
  async handle({ params, body, store }) {
    if (isFolder(params.path)) throw badRequest("cannot write to a path ending in '/'")
    if (body === null || Object.keys(body).length === 0) throw badRequest('missing data fields')
    await checkUnconverted(store)
    values.write(store, body, params.path)
    return null
  },
})

export const deleteSecret = secret.delete({
  summary: 'Delete a secret.',
  async handle({ params, store }) {
    if ((await findSecret(store, params.path)) !== null) values.remove(store, params.path)
    return null
  },
})

export const listSecrets = secret.list({
  summary: 'List the names of secrets and folders; folders end in `/`.',
  input: pageFields,
  async handle({ params, input, store }) {
    await checkUnconverted(store)
    return listed(await listPage(store, valuesFolder + folderOf(params.path), input))
  },
})

export const scanSecrets = secret.scan({
  summary: 'List the paths of all secrets below a folder, at any depth.',
  input: pageFields,
  async handle({ params, input, store }) {
    await checkUnconverted(store)
    return listed(await scanPage(store, valuesFolder + folderOf(params.path), input))
  },
})

export const readTop = top.read({ summary: 'Nothing is kept at the mount itself.', handle: () => null })
export const deleteTop = top.delete({ summary: 'Nothing is kept at the mount itself.', handle: () => null })
export const writeTop = top.write({
  summary: 'Nothing is kept at the mount itself: refused.',
  arbitraryInput: true,
  handle: () => {
    throw badRequest('missing path')
  },
})
