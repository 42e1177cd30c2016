/** Single fields of a request that is only passed on. */
import { isExactObject, parseExact } from '../../../client/src/exact-json.ts'
import type { ProxyRequest } from './message.ts'

/** A text in the body (JSON, or a form), else in the query; '' where there is none. What is neither is the server's to refuse. */
export function fieldOf({ body, query }: Pick<ProxyRequest, 'body' | 'query'>, name: string): string {
  const text = body === null ? '' : Buffer.from(body).toString('utf8')
  return inJson(text, name) || (new URLSearchParams(text).get(name) ?? '') || (new URLSearchParams(query).get(name) ?? '')
}

function inJson(text: string, name: string): string {
  try {
    const parsed = parseExact(text)
    const value = isExactObject(parsed) ? parsed[name] : undefined
    return typeof value === 'string' ? value : ''
  } catch {
    return ''
  }
}
