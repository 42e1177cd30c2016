/** `custom_response_headers` of a listener. */
import { validateHeaderName, validateHeaderValue } from 'node:http'
import type { CustomHeaders, HeaderList } from '../../http/encode.ts'
import { bodiesOf, ConfigError, type Entries, type Entry } from './entries.ts'
import { texts } from './values.ts'

const statusKey = /^(?:default|[1-5]xx|[1-5]\d\d)$/

/** Throws `ConfigError` naming what cannot be sent. Names that are the server's own are left out with a warning, as Vault does. */
export function customHeadersOf(entries: Entries, warn: (warning: string) => void): CustomHeaders {
  const headers = new Map<string, HeaderList>()
  for (const entry of entries) {
    const body = bodiesOf(entry)
    if (!statusKey.test(entry.key)) fail(entry.key, 'expected default, a class of status such as 4xx, or a status such as 404')
    if (body === null) fail(entry.key, 'expected a block of headers')
    headers.set(entry.key, [...(headers.get(entry.key) ?? []), ...(body ?? []).flatMap((header) => headerOf(entry.key, header, warn))])
  }
  return Object.fromEntries(headers)
}

const fail = (where: string, what: string): never => {
  throw new ConfigError(`custom_response_headers: ${where}: ${what}`)
}

/** Several values are one header with `; ` in between, as in Vault. A single text is one value, commas and all. */
function headerOf(status: string, { key, value, place }: Entry, warn: (warning: string) => void): HeaderList {
  const values = value.kind === 'literal' && typeof value.value === 'string' ? [value.value] : texts.read(value)
  if (values === undefined) return fail(`${status}: ${key}`, `expected ${texts.shown}`)
  if (/^x-vault-/i.test(key)) {
    warn(`the header ${key} is not sent: names that begin with X-Vault- are the server's own (${place})`)
    return []
  }
  const joined = values.map((item) => item.trim()).filter((item) => item !== '').join('; ')
  try {
    validateHeaderName(key)
    validateHeaderValue(key, joined)
  } catch {
    return fail(`${status}: ${key}`, 'not a header that can be sent')
  }
  return joined === '' ? [] : [[key, joined]]
}
