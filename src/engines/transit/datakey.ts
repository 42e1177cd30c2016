/** Keys for data that is encrypted elsewhere: random, and sealed with a key that stays here. */
import { parseBase64 } from '../../crypto/base64.ts'
import { badRequest } from '../../kit/errors.ts'
import { defaulted, integer, text } from '../../kit/fields.ts'
import { path } from '../../kit/operation.ts'
import { seal } from './cipher.ts'
import { resolveKey } from './records.ts'
import { associatedField, bindingOf, contextField, keyName, versionField } from './sealing.ts'

const sizes = new Set([128, 256, 512])

export const dataKey = path('datakey/{plaintext}/{name}', { ...keyName, plaintext: text('`plaintext` shows the data key, `wrapped` only its ciphertext.') }).write({
  summary: 'Make a data key.',
  input: { context: contextField, associated_data: associatedField, key_version: versionField, bits: defaulted(integer('128, 256 or 512.'), 256) },
  async handle({ params, input, store, random }) {
    if (params.plaintext !== 'plaintext' && params.plaintext !== 'wrapped') throw badRequest("Invalid path, must be 'plaintext' or 'wrapped'")
    if (input.context !== '') parseBase64(input.context, 'failed to base64-decode context')
    const key = await resolveKey(store, params.name)
    if (!sizes.has(input.bits)) throw badRequest('invalid bit length')
    const fresh = Buffer.from(random(input.bits / 8))
    const { ciphertext, version } = await seal(store, key, input.key_version, fresh, bindingOf(key, input.context, input.associated_data, 0))
    return { ciphertext, key_version: version, ...(params.plaintext === 'plaintext' && { plaintext: fresh.toString('base64') }) }
  },
})
