/** Durations in the forms that Vault takes and prints. Inside they are whole seconds. */
import { badRequest } from './errors.ts'
import { JsonNumber } from './json.ts'

/** Nanoseconds per unit, as Go's `time.ParseDuration` knows them; both code points of the micro sign. */
const nanosPer: ReadonlyMap<string, bigint> = new Map([
  ['ns', 1n],
  ['us', 1_000n],
  ['\u00b5s', 1_000n],
  ['\u03bcs', 1_000n],
  ['ms', 1_000_000n],
  ['s', 1_000_000_000n],
  ['m', 60_000_000_000n],
  ['h', 3_600_000_000_000n],
])
const nanosPerSecond = 1_000_000_000n
const secondsPerDay = 86_400n
/** Go keeps durations as 64-bit nanoseconds: about 292 years. */
const nanosMax = 2n ** 63n - 1n
/** Longer texts are no durations, and digits beyond the ninth after the point mean nothing. */
const textMax = 64

/** What nearly everybody writes. Not even so many days are too long. */
const shortForm = /^([0-9]{1,5})([smhd]?)$/
const secondsPer: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 }
const wholeSeconds = /^[+-]?[0-9]+$/
const wholeDays = /^([+-]?[0-9]+)d$/
const unitParts = /^[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:ns|[u\u00b5\u03bc]s|ms|[smh]))+$/
const unitPart = /([0-9]*)(?:\.([0-9]*))?(ns|[u\u00b5\u03bc]s|ms|[smh])/g

/**
 * Seconds of a duration as clients send it: a whole number of seconds (`90`, `"90"`), whole days (`"2d"`), or Go's form
 * (`"1h30m"`, `"1.5h"`, `"500ms"`). Nothing at all (`null`, `""`, absent) is 0. Fractions of a second are cut off towards zero, as Vault
 * does; but what is shorter than a second becomes one second, because 0 means "the default" nearly everywhere.
 * Negative durations parse: the caller knows whether they mean something. A number with a fraction (`1.5`) is refused.
 * Throws `bad_request` without naming the value.
 */
export function parseDuration(raw: unknown): number {
  if (typeof raw === 'number' && Number.isInteger(raw)) return secondsWithin(BigInt(raw))
  const text = raw === null || raw === undefined ? '' : raw instanceof JsonNumber ? raw.text : raw
  if (text === '') return 0
  if (typeof text !== 'string' || text.length > textMax) throw invalidDuration()
  const short = shortForm.exec(text)
  if (short !== null) return Number(short[1]) * (secondsPer[short[2] ?? ''] ?? 1)
  if (wholeSeconds.test(text)) return secondsWithin(integerOf(text))
  const days = wholeDays.exec(text)?.[1]
  if (days !== undefined) return secondsWithin(integerOf(days) * secondsPerDay)
  if (text === '-0' || !unitParts.test(text)) throw invalidDuration()
  return wholeSecondsOf(nanosOf(text))
}

const invalidDuration = (): Error =>
  badRequest('invalid duration: expected a number of seconds, or a text such as "90", "15m", "1h30m" or "2d"')
const tooLong = (): Error => badRequest('invalid duration: longer than 292 years')

const integerOf = (text: string): bigint => BigInt(text.startsWith('+') ? text.slice(1) : text)

function secondsWithin(seconds: bigint): number {
  if (magnitude(seconds) * nanosPerSecond > nanosMax) throw tooLong()
  return Number(seconds)
}

const magnitude = (value: bigint): bigint => (value < 0n ? -value : value)

function nanosOf(text: string): bigint {
  let nanos = 0n
  for (const [, whole = '', fraction = '', unit = ''] of text.matchAll(unitPart)) {
    const per = nanosPer.get(unit) ?? 0n
    const digits = fraction.slice(0, 18)
    nanos += BigInt(whole || '0') * per + (BigInt(digits || '0') * per) / 10n ** BigInt(digits.length)
  }
  if (nanos > nanosMax) throw tooLong()
  return text.startsWith('-') ? -nanos : nanos
}

function wholeSecondsOf(nanos: bigint): number {
  const seconds = nanos / nanosPerSecond
  if (seconds === 0n && nanos !== 0n) return nanos < 0n ? -1 : 1
  return Number(seconds)
}

/** As Go prints a duration: `0s`, `1m30s`, `1h0m0s`, `-1s`. `seconds` may have a fraction, printed to the millisecond: `1.5s`, `250ms`. */
export function formatDuration(seconds: number): string {
  const millis = Math.round(Math.abs(seconds) * 1000)
  if (millis === 0) return '0s'
  const sign = seconds < 0 ? '-' : ''
  if (millis < 1000) return `${sign}${millis}ms`
  const whole = Math.floor(millis / 1000)
  const hours = Math.floor(whole / 3600)
  const minutes = Math.floor(whole / 60) % 60
  const rest = `${((whole % 60) * 1000 + (millis % 1000)) / 1000}s`
  if (hours > 0) return `${sign}${hours}h${minutes}m${rest}`
  return minutes > 0 ? `${sign}${minutes}m${rest}` : sign + rest
}

/** As the `vault` command prints lifetimes: `768h`, `2m`, `1h5s`, `0s`. */
export function formatShort(seconds: number): string {
  const long = formatDuration(seconds)
  const withoutSeconds = long.endsWith('m0s') ? long.slice(0, -2) : long
  return withoutSeconds.replace('h0m', 'h')
}
