/** Finds the one pattern that two recorded answers to the same request both fit: what differs between them becomes a mask. */
import { brief, isListed, isNumber, joinPath, maskShapes, timePattern } from './masks.ts'
import { isObject, type Json, type JsonObject } from './scenario.ts'

export interface MaskNotes {
  readonly ignore: readonly string[]
  /** Paths of lists whose order is free; grows. */
  readonly unordered: string[]
  /** What a person should look at; grows. */
  readonly doubts: string[]
}

const nowTolerance = 900
const aboutTolerance = 3
const durationKey = /(^|_)ttl$|^lease_duration$|^expir/
const unixUnits = [1, 1e3, 1e9]
/** A number above this, under a key of durations, is a moment. */
const momentMin = 1e9

const isNearNow = (seconds: number): boolean => Math.abs(seconds - Date.now() / 1000) < nowTolerance
const maskRecent = (text: string): string => text.replace(timePattern(), (time) => (isNearNow(Date.parse(time) / 1000) ? '<time>' : time))

/** One text that both texts fit. */
export function maskText(a: string, b: string): string {
  if (a === b) return maskRecent(a)
  const [x, y] = [maskShapes(a), maskShapes(b)]
  if (x === y) return x
  let start = 0
  while (start < Math.min(x.length, y.length) && x[start] === y[start]) start++
  let end = 0
  while (end < Math.min(x.length, y.length) - start && x.at(-1 - end) === y.at(-1 - end)) end++
  const prefix = /^[\s\S]*[\s:/_.,;=?&"'([{$<>-]/.exec(x.slice(0, start))?.[0] ?? ''
  const suffix = end > 0 ? (/[\s:/_.,;=?&"')\]}<>][\s\S]*$/.exec(x.slice(x.length - end))?.[0] ?? '') : ''
  return `${prefix}<string>${suffix}`
}

/** One value that both values fit. */
export function maskValue(a: Json, b: Json, notes: MaskNotes, path = ''): Json {
  if (isListed(notes.ignore, path)) return '<any>'
  if (isNumber(a) && isNumber(b)) return maskNumber(a, b, path.split('.').at(-1) ?? '')
  if (typeof a === 'string' && typeof b === 'string') return maskText(a, b)
  if (Array.isArray(a) && Array.isArray(b) && a.length === b.length) return maskArray(a, b, notes, path)
  if (isObject(a) && isObject(b)) return maskObject(a, b, notes, path)
  if (a === b) return a
  if (typeof a === 'boolean' && typeof b === 'boolean') return '<bool>'
  notes.doubts.push(`${path}: ${brief(a)} in one run, ${brief(b)} in the other`)
  return '<any>'
}

function maskNumber(a: Json, b: Json, key: string): Json {
  const [x, y] = [Number(a), Number(b)]
  if (unixUnits.some((unit) => isNearNow(x / unit))) return '<unix>'
  const isDuration = durationKey.test(key)
  if (isDuration && x >= momentMin && Math.abs(x - y) < nowTolerance) return '<number>'
  if (isDuration && x > 0 && x < momentMin && Math.abs(x - y) <= aboutTolerance) return `<about ${x}>`
  return a === b ? a : '<number>'
}

const sortKey = (value: unknown): string => maskShapes(JSON.stringify(value)) + JSON.stringify(value)
const byShape = (a: unknown, b: unknown): number => (sortKey(a) < sortKey(b) ? -1 : 1)

function maskArray(a: readonly Json[], b: readonly Json[], notes: MaskNotes, path: string): Json {
  const sorted = [a.toSorted(byShape), b.toSorted(byShape)] as const
  const isFree = isListed(notes.unordered, path)
  const isReordered = JSON.stringify(a) !== JSON.stringify(b) && JSON.stringify(sorted[0]) === JSON.stringify(sorted[1])
  if (isReordered && !isFree) notes.unordered.push(path)
  const [x, y] = isFree || isReordered ? sorted : [a, b]
  return x.map((item, i) => maskValue(item, y[i] ?? null, notes, `${path}.${i}`))
}

function maskObject(a: JsonObject, b: JsonObject, notes: MaskNotes, path: string): Json {
  const result: Record<string, Json> = {}
  for (const key of Object.keys(a)) {
    if (Object.hasOwn(b, key)) result[key] = maskValue(a[key] ?? null, b[key] ?? null, notes, joinPath(path, key))
  }
  const only = (mine: JsonObject, other: JsonObject): string[] =>
    Object.keys(mine).filter((key) => !Object.hasOwn(other, key)).toSorted((p, q) => byShape([mine[p], p], [mine[q], q]))
  const [ours, theirs] = [only(a, b), only(b, a)]
  if (ours.length !== theirs.length) {
    notes.doubts.push(`${path}: keys only in one run: ${[...ours, ...theirs].join(', ')}`)
    return result
  }
  ours.forEach((key, i) => {
    const other = theirs[i] ?? ''
    let name = maskText(key, other)
    for (let n = 2; Object.hasOwn(result, name); n++) name = `${maskText(key, other)}<#${n}>`
    result[name] = maskValue(a[key] ?? null, b[other] ?? null, notes, joinPath(path, name))
  })
  return result
}
