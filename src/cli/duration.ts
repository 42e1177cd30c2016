/**
 * Durations as people type them and as Go prints them. Its own few lines, because every module that a command loads is paid for at
 * each call.
 */

const secondsPer: Readonly<Record<string, number>> = { ns: 1e-9, us: 1e-6, '\u00b5s': 1e-6, ms: 1e-3, s: 1, m: 60, h: 3600, d: 86_400 }
const whole = /^[+-]?[0-9]+$/
const parts = /^([+-]?)((?:(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:ns|us|\u00b5s|ms|[smhd]))+)$/
const part = /([0-9.]+)(ns|us|\u00b5s|ms|[smhd])/g
/** Go keeps nanoseconds in 63 bits. */
const secondsMax = 9_223_372_036

/** Seconds of `90`, `15m`, `1h30m`, `1.5h`, `2d`; null for what is no duration, or longer than 292 years. */
export function parseSeconds(text: string): number | null {
  const seconds = whole.test(text) ? Number(text) : secondsOfParts(text)
  return seconds === null || Math.abs(seconds) > secondsMax ? null : seconds
}

function secondsOfParts(text: string): number | null {
  const [, sign, rest] = parts.exec(text) ?? []
  if (rest === undefined) return null
  let sum = 0
  for (const [, amount = '', unit = ''] of rest.matchAll(part)) sum += Number(amount) * (secondsPer[unit] ?? Number.NaN)
  return Number.isNaN(sum) ? null : sign === '-' ? -sum : sum
}

/** As Go prints it: `0s`, `1m30s`, `1h0m0s`, `1.5s`, `250ms`. Precise to the millisecond. */
export function formatDuration(seconds: number): string {
  const millis = Math.round(Math.abs(seconds) * 1000)
  if (millis === 0) return '0s'
  const sign = seconds < 0 ? '-' : ''
  if (millis < 1000) return `${sign}${millis}ms`
  const total = Math.floor(millis / 1000)
  const hours = Math.floor(total / 3600)
  const minutes = Math.floor((total % 3600) / 60)
  const rest = `${total % 60}${millis % 1000 === 0 ? '' : `.${String(millis % 1000).padStart(3, '0').replace(/0+$/, '')}`}s`
  return sign + (hours > 0 ? `${hours}h` : '') + (hours > 0 || minutes > 0 ? `${minutes}m` : '') + rest
}
