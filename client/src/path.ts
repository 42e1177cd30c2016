/** Paths and queries as they go over the wire. */
import { ClientError } from './errors.ts'

export type QueryValue = string | number | boolean | readonly (string | number)[] | undefined
export type Query = Readonly<Record<string, QueryValue>>

/**
 * Percent-encodes a path below `/v1/` and keeps its slashes, doubled ones too. Refuses `.` and `..` as segments, which URL parsers
 * fold away before the server could judge them: the request would go somewhere else than it says.
 */
export function encodePath(path: string): string {
  const bare = path.replace(/^\/+/, '')
  if (bare.split('/').some((segment) => segment === '.' || segment === '..')) {
    const errors = ['a path may not have "." or ".." as a segment']
    throw new ClientError({ code: 'bad_request', status: 0, errors, method: 'PATH', url: bare })
  }
  return encodeURI(bare.replace(/\p{Surrogate}/gu, '\ufffd')).replaceAll('?', '%3F').replaceAll('#', '%23')
}

/** `?a=1&b=x&b=y`, or '' when nothing is to be said. Lists repeat the name; undefined is left out. */
export function encodeQuery(query: Query | undefined): string {
  const pairs = Object.entries(query ?? {}).flatMap(([name, value]) => {
    const items: readonly unknown[] = value === undefined ? [] : Array.isArray(value) ? value : [value]
    return items.map((item) => `${encodeURIComponent(name)}=${encodeURIComponent(String(item))}`)
  })
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`
}

/** Removes the slashes at both ends. */
export const trimSlashes = (path: string): string => path.replace(/^\/+|\/+$/g, '')
