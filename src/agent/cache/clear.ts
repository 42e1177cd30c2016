/** `cache-clear`: what somebody wants to be gone, without the server. */
import { isExactObject, parseExact } from '../../../client/src/exact-json.ts'
import { errorsAnswer } from '../../http/answers.ts'
import type { WireResponse } from '../../request/wire.ts'
import type { Entries } from './entries.ts'

interface Asked {
  readonly type: string
  readonly value: string
  /** '' is the root, else `a/b/`. */
  readonly namespace: string
}

const ways: Readonly<Record<string, (entries: Entries, asked: Asked) => void>> = {
  request_path: (entries, { value, namespace }) => {
    const path = value.replace(/^\/?(?:v1\/)?/, '')
    entries.removeWhere((entry) => entry.namespace === namespace && entry.path.startsWith(path))
  },
  token: (entries, { value }) => entries.removeToken(value),
  token_accessor: (entries, { value }) => entries.removeWhere(({ accessor }) => accessor === value),
  lease: (entries, { value }) => entries.removeWhere(({ leaseId }) => leaseId === value),
  all: (entries) => entries.removeWhere(() => true),
}

/** What is not there is cleared already. */
export function clearCache(entries: Entries, body: Uint8Array): WireResponse {
  const asked = parseAsked(Buffer.from(body).toString('utf8'))
  if (typeof asked === 'string') return errorsAnswer(400, [asked])
  const clear = Object.hasOwn(ways, asked.type) ? ways[asked.type] : undefined
  if (clear === undefined) return errorsAnswer(400, ['failed to clear cache: invalid type provided'])
  if (asked.value === '' && asked.type !== 'all') return errorsAnswer(400, [`failed to clear cache: ${asked.type.replace('_', ' ')} not provided`])
  clear(entries, asked)
  return { status: 200, body: null, contentType: '' }
}

/** Or what is wrong with it. */
function parseAsked(text: string): Asked | string {
  if (text.trim() === '') return 'failed to parse JSON input: empty JSON provided'
  try {
    const parsed = parseExact(text)
    if (!isExactObject(parsed)) return 'failed to parse JSON input: expected an object'
    const field = (name: string): string => (typeof parsed[name] === 'string' ? parsed[name] : '')
    const namespace = field('namespace').replace(/^\/+|\/+$/g, '')
    if (field('type') === '') return 'failed to parse clear input: no type provided'
    return { type: field('type'), value: field('value'), namespace: namespace === '' || namespace === 'root' ? '' : `${namespace}/` }
  } catch {
    return 'failed to parse JSON input: not valid JSON'
  }
}
