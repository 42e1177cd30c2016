/** The shape of a secret without its values. */
import { defaulted, integer, object, text } from '../../kit/fields.ts'
import type { JsonObject } from '../../kit/json.ts'
import { path } from '../../kit/operation.ts'
import { reply } from '../../kit/result.ts'
import { outline } from './merge-patch.ts'
import { findSecret, readValue } from './records.ts'
import { findVersion, isReadable } from './rules.ts'
import { writtenVersion } from './show.ts'

export const readSubkeys = path('subkeys/{path*}', { path: text('Where the secret is kept.') }).read({
  summary: 'Read the names of the keys of a secret, without their values.',
  input: {
    version: defaulted(integer('Number of the version; the current one when 0 or less.'), 0),
    depth: defaulted(integer('How many levels to show; all when 0 or less.'), 0),
  },
  output: { subkeys: object('The keys, each with null or with its own keys.'), metadata: object('The version.') },
  async handle({ params, input, store, now }) {
    const secret = await findSecret(store, params.path)
    const version = secret === null ? null : findVersion(secret, input.version)
    if (secret === null || version === null) return null
    const metadata = writtenVersion(secret, version)
    if (!isReadable(version, now)) return reply({ status: 404, data: { subkeys: null, metadata } })
    const value = await readValue(store, params.path, secret, version)
    return { subkeys: outline(value.value() as JsonObject, input.depth), metadata }
  },
})
