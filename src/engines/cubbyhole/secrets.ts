/** The one resource of the cubbyhole: whatever object a token keeps at a path, for itself alone. */
import { badRequest } from '../../kit/errors.ts'
import { text } from '../../kit/fields.ts'
import { path, type CallerView } from '../../kit/operation.ts'
import { listed, type Data } from '../../kit/result.ts'
import type { Transaction } from '../../kit/store.ts'
import { folderOf, isFolder, listPage, pageFields } from '../walk.ts'
import { holeFolder, values, wrappedKey } from './records.ts'

const secret = path('{path*}', { path: text('Where the secret is kept.') })
const top = path('')

/** The id of the caller's cubbyhole. Throws `bad_request` for tokens that have none. */
function holeOf(caller: CallerView | null): string {
  const id = caller?.cubbyholeId ?? ''
  if (id === '') throw badRequest("cubbyhole operations are only supported by 'service' type tokens")
  return id
}

const decoder = new TextDecoder()
const deprecation =
  "Reading from 'cubbyhole/response' is deprecated. Use sys/wrapping/unwrap, which makes sure that nobody reads an answer twice."

/** The way in which wrapped answers were fetched before `sys/wrapping/unwrap`; only in the cubbyhole of a wrapping token. */
async function readWrapped(store: Transaction, id: string): Promise<Data | null> {
  const entry = await store.get(wrappedKey(id))
  return entry === null ? null : { response: decoder.decode(entry.value) }
}

export const readSecret = secret.read({
  summary: 'Read what this token keeps at a path.',
  async handle({ params, store, caller, warn }) {
    const id = holeOf(caller)
    const kept = isFolder(params.path) ? null : await values.read(store, id, params.path)
    if (kept !== null || params.path !== 'response') return kept
    const wrapped = await readWrapped(store, id)
    if (wrapped !== null) warn(deprecation)
    return wrapped
  },
})

export const writeSecret = secret.write({
  summary: 'Keep an object for this token alone.',
  description: 'Keeps the object of the request as it is, numbers digit by digit. It goes when the token goes.',
  arbitraryInput: true,
  async exists({ params, store, caller }) {
    const id = caller?.cubbyholeId ?? ''
    return id !== '' && !isFolder(params.path) && (await store.get(values.key(id, params.path))) !== null
  },
  handle({ params, body, store, caller }) {
    const id = holeOf(caller)
    if (isFolder(params.path)) throw badRequest("cannot write to a path ending in '/'")
    if (body === null || Object.keys(body).length === 0) throw badRequest('missing data fields')
    values.write(store, body, id, params.path)
    return null
  },
})

export const deleteSecret = secret.delete({
  summary: 'Remove what this token keeps at a path.',
  async handle({ params, store, caller }) {
    const id = holeOf(caller)
    if (!isFolder(params.path) && (await store.get(values.key(id, params.path))) !== null) values.remove(store, id, params.path)
    return null
  },
})

export const listSecrets = secret.list({
  summary: 'List the names of what this token keeps; folders end in `/`.',
  input: pageFields,
  async handle({ params, input, store, caller }) {
    return listed(await listPage(store, holeFolder(holeOf(caller)) + folderOf(params.path), input))
  },
})

const missingPath = (): never => {
  throw badRequest('missing path')
}

export const readTop = top.read({ summary: 'Nothing is kept at the mount itself: refused.', handle: missingPath })
export const writeTop = top.write({ summary: 'Nothing is kept at the mount itself: refused.', arbitraryInput: true, handle: missingPath })
