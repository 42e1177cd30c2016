/** Times as cron has them: `minute hour day month weekday`, in UTC, with lists, ranges and steps (`0 3 * * 1-5`), and names of months and days. */
import { badRequest } from './errors.ts'

export interface Cron {
  /** The first time after `from` (both in milliseconds since 1970), at a full minute. Null: there is none within five years. */
  readonly after: (from: number) => number | null
}

interface Part {
  readonly name: string
  readonly least: number
  readonly most: number
  readonly words: readonly string[]
}

const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const days = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']
const parts: readonly Part[] = [
  { name: 'minute', least: 0, most: 59, words: [] },
  { name: 'hour', least: 0, most: 23, words: [] },
  { name: 'day', least: 1, most: 31, words: [] },
  { name: 'month', least: 1, most: 12, words: months },
  { name: 'weekday', least: 0, most: 7, words: days },
]
const shortcuts: ReadonlyMap<string, string> = new Map([
  ['@hourly', '0 * * * *'], ['@daily', '0 0 * * *'], ['@midnight', '0 0 * * *'], ['@weekly', '0 0 * * 0'], ['@monthly', '0 0 1 * *'], ['@yearly', '0 0 1 1 *'], ['@annually', '0 0 1 1 *'],
])

const minuteMs = 60_000
const dayMs = 86_400_000
const daysMax = 5 * 366

/** Throws `bad_request`. */
export function parseCron(text: string): Cron {
  const words = (shortcuts.get(text.trim().toLowerCase()) ?? text).trim().split(/\s+/)
  if (words.length !== parts.length) throw badRequest('a cron schedule has five parts: minute, hour, day, month, weekday')
  const [minutes, hours, ofMonth, inMonths, ofWeek] = parts.map((part, at) => parsePart(part, words[at] ?? '')) as [Set<number>, Set<number>, Set<number>, Set<number>, Set<number>]
  // As in cron: where both kinds of days are named, either will do.
  const isEither = words[2] !== '*' && words[4] !== '*'
  const isDay = (date: Date): boolean => {
    const [byMonth, byWeek] = [ofMonth.has(date.getUTCDate()), ofWeek.has(date.getUTCDay()) || (date.getUTCDay() === 0 && ofWeek.has(7))]
    return inMonths.has(date.getUTCMonth() + 1) && (isEither ? byMonth || byWeek : byMonth && byWeek)
  }
  const times = [...hours].flatMap((hour) => [...minutes].map((minute) => hour * 60 + minute)).sort((a, b) => a - b)
  return { after: (from) => firstAfter(from, isDay, times) }
}

function firstAfter(from: number, isDay: (date: Date) => boolean, times: readonly number[]): number | null {
  for (let day = Math.floor(from / dayMs), last = day + daysMax; day <= last; day++) {
    if (!isDay(new Date(day * dayMs))) continue
    const found = times.map((minute) => day * dayMs + minute * minuteMs).find((time) => time > from)
    if (found !== undefined) return found
  }
  return null
}

function parsePart(part: Part, text: string): Set<number> {
  const found = new Set<number>()
  for (const item of text.split(',')) {
    const [, range = '', step = '1'] = /^([^/]+)(?:\/(\d{1,2}))?$/.exec(item) ?? []
    const [first, last] = rangeOf(part, range, item.includes('/'))
    if (Number(step) < 1) throw unusable(part, text)
    for (let value = first; value <= last; value += Number(step)) found.add(value)
  }
  return found
}

function rangeOf(part: Part, text: string, hasStep: boolean): [number, number] {
  if (text === '*') return [part.least, part.most]
  const [first = '', last, ...more] = text.split('-')
  const from = numberOf(part, first)
  const to = last === undefined ? (hasStep ? part.most : from) : numberOf(part, last)
  if (more.length > 0 || to < from) throw unusable(part, text)
  return [from, to]
}

function numberOf(part: Part, text: string): number {
  const word = part.words.indexOf(text.toLowerCase())
  const value = word >= 0 ? word + part.least : /^\d{1,2}$/.test(text) ? Number(text) : Number.NaN
  if (!(value >= part.least && value <= part.most)) throw unusable(part, text)
  return value
}

const unusable = ({ name, least, most }: Part, text: string): Error => badRequest(`cron schedule: ${JSON.stringify(text)} is no ${name} from ${least} to ${most}`)
