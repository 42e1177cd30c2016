/** The keys: generated here, to be handed to a phone; or imported from a service that shows one. */
import { encodeBase32 } from '../../crypto/base32.ts'
import { badRequest } from '../../kit/errors.ts'
import { defaulted, duration, flag, integer, nameTextWithAt, optional, secret, text, type ValuesOf } from '../../kit/fields.ts'
import { path } from '../../kit/operation.ts'
import { listed } from '../../kit/result.ts'
import type { Transaction } from '../../kit/store.ts'
import { listPage, pageFields } from '../walk.ts'
import { keys, keysFolder, type TotpKey } from './records.ts'
import { checkSettings, checkSizes, drawBarcode, parseSecret } from './rules.ts'
import { formatOtpUrl, parseOtpUrl } from './url.ts'

const key = path('keys/{name}', { name: nameTextWithAt('Name of the key.') })

const fields = {
  generate: defaulted(flag('Whether a new key is made here; otherwise `key` or `url` brings one.'), false),
  exported: defaulted(flag('Of a generated key: whether its URL and picture are answered, this once.'), true),
  key_size: defaulted(integer('Of a generated key: how many bytes.'), 20),
  key: optional(secret(text('The key to import, in base32.'))),
  url: optional(secret(text('An `otpauth` URL to import. What it says goes before the other fields.'))),
  issuer: defaulted(text('Who runs what the account is for. Needed for a generated key.'), ''),
  account_name: defaulted(text('Whose account it is. Needed for a generated key.'), ''),
  period: defaulted(duration('How long one code is the current one.'), 30),
  algorithm: defaulted(text('`SHA1`, `SHA256` or `SHA512`.'), 'SHA1'),
  digits: defaulted(integer('Length of a code: 6 or 8.'), 6),
  skew: defaulted(integer('How many periods early or late a code is still valid: 0 or 1.'), 1),
  qr_size: defaulted(integer('Width and height of the picture in pixels; 0 for none.'), 200),
}
type Input = ValuesOf<typeof fields>

export const listKeys = path('keys').list({
  summary: 'List the names of the keys.',
  input: pageFields,
  handle: async ({ input, store }) => listed(await listPage(store, keysFolder, input)),
})

export const readKey = key.read({
  summary: 'Read the settings of a key, never the key itself.',
  async handle({ params, store }) {
    const found = await keys.read(store, params.name)
    if (found === null) return null
    const { accountName: account_name, algorithm, digits, issuer, period } = found
    return { account_name, algorithm, digits, issuer, period }
  },
})

export const deleteKey = key.delete({
  summary: 'Delete a key.',
  handle({ params, store }) {
    keys.remove(store, params.name)
    return null
  },
})

export const writeKey = key.write({
  summary: 'Generate a key, or import one.',
  description: 'An existing key of this name is replaced. The secret is shown in the answer to the generation, if at all, and never again.',
  input: fields,
  output: { url: text('The key as authenticator apps take it.'), barcode: text('The same as a picture: PNG in base64.') },
  async handle({ params, input, store, random }) {
    if (!input.generate) {
      await keepKey(store, params.name, importedKey(input))
      return null
    }
    const { made, answer } = generateKey(input, random)
    await keepKey(store, params.name, made)
    return answer
  },
})

/** Codes that were used stay so when the same key is written again: nobody gets a second use by importing it twice. */
async function keepKey(store: Transaction, name: string, made: TotpKey): Promise<void> {
  const before = await keys.read(store, name)
  const isSame = before !== null && before.secret === made.secret && before.period === made.period
  keys.write(store, { ...made, used: isSame ? before.used : [] }, name)
}

function importedKey(input: Input): TotpKey {
  const parts = input.url === undefined || input.url === '' ? null : parseOtpUrl(input.url)
  const { digits = input.digits, period = input.period, algorithm: named = input.algorithm, issuer = input.issuer } = parts ?? {}
  const algorithm = checkSettings({ digits, period, algorithm: named, skew: input.skew })
  checkSizes(input.qr_size, input.key_size)
  const bytes = parseSecret(parts?.secret ?? input.key ?? '')
  const accountName = parts?.accountName ?? input.account_name
  return { secret: Buffer.from(bytes).toString('base64'), issuer, accountName, algorithm, digits, period, skew: input.skew, used: [] }
}

function generateKey(input: Input, random: (bytes: number) => Uint8Array): { made: TotpKey; answer: Record<string, string> | null } {
  if (input.key !== undefined && input.key !== '') throw badRequest('a key should not be passed if generate is true')
  if (input.url !== undefined && input.url !== '') throw badRequest('a url should not be passed if generate is true')
  const algorithm = checkSettings(input)
  checkSizes(input.qr_size, input.key_size)
  const { account_name: accountName, issuer, digits, period, skew } = input
  if (accountName === '') throw badRequest('the account_name value is required for generated keys')
  if (issuer === '') throw badRequest('the issuer value is required for generated keys')
  const bytes = random(input.key_size)
  const made: TotpKey = { secret: Buffer.from(bytes).toString('base64'), issuer, accountName, algorithm, digits, period, skew, used: [] }
  if (!input.exported) return { made, answer: null }
  const url = formatOtpUrl({ ...made, secret: encodeBase32(bytes) })
  return { made, answer: input.qr_size === 0 ? { url } : { barcode: drawBarcode(url, input.qr_size).toString('base64'), url } }
}
