/** Values as text in tables, in the form that Go's `%v` gives them: scripts cut these columns. */
import { ExactNumber } from '../../../client/src/exact-json.ts'
import { formatDuration } from '../duration.ts'

/** `<nil>`, `true`, `12`, `text`, `[a b]`, `map[k:v l:w]`. */
export function formatValue(value: unknown): string {
  if (value === null || value === undefined) return '<nil>'
  if (Array.isArray(value)) return `[${value.map(formatValue).join(' ')}]`
  if (value instanceof ExactNumber) return value.text
  if (typeof value === 'object') {
    const members = Object.entries(value).toSorted(byName)
    return `map[${members.map(([name, member]) => `${name}:${formatValue(member)}`).join(' ')}]`
  }
  return String(value)
}

export const byName = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number => (a < b ? -1 : a > b ? 1 : 0)

const durationName = /^(?:period|ttl|duration|lease_max|ttl_max|.*_(?:period|ttl|duration))$/

/** Like `formatValue`, but a whole number under a name that says duration is printed as one. */
export function formatMember(name: string, value: unknown): string {
  return durationName.test(name) ? formatSeconds(value) : formatValue(value)
}

/** `768h`, `1h30m`, `1m30s`, `0s`; what is no whole number is printed as it is. */
export function formatSeconds(value: unknown): string {
  const seconds = value instanceof ExactNumber || typeof value === 'number' ? Number(value) : Number.NaN
  if (!Number.isSafeInteger(seconds)) return formatValue(value)
  return formatDuration(seconds).replace(/m0s$/, 'm').replace(/h0m$/, 'h')
}

/** A list of quoted texts, as Go's `%q`: `["a" "b"]`. */
export const formatQuoted = (values: readonly string[] | null): string =>
  `[${(values ?? []).map((value) => JSON.stringify(value)).join(' ')}]`

/** RFC 3339 as Go prints a time: `2018-01-10 00:47:54.97 +0000 UTC`. */
export function formatGoTime(text: string): string {
  const match = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d(?:\.\d+)?)(Z|[+-]\d\d:\d\d)$/.exec(text)
  if (match === null) return text
  const zone = match[3] === 'Z' ? '+0000 UTC' : `${(match[3] ?? '').replace(':', '')} ${(match[3] ?? '').replace(':', '')}`
  return `${match[1]} ${match[2]} ${zone}`
}
