/** Floating point as Go writes it (strconv.FormatFloat). */

/** The digits of a number and where its point stands: `0.d1d2d3… × 10^point`. `precision` digits, or the fewest that read back the same. */
function digitsOf(value: number, precision: number | null): { readonly digits: string; readonly point: number } {
  const text = precision === null ? value.toExponential() : value.toExponential(Math.min(100, Math.max(0, precision - 1)))
  const [, whole = '0', rest = '', exponent = '0'] = /^(\d)(?:\.(\d+))?e([+-]\d+)$/.exec(text) ?? []
  return { digits: whole + rest, point: Number(exponent) + 1 }
}

const special = (value: number): string | null => (Number.isNaN(value) ? 'NaN' : Number.isFinite(value) ? null : value > 0 ? '+Inf' : '-Inf')

/** `%g`: `precision` of null is the fewest digits. */
export function formatG(value: number, precision: number | null = null): string {
  const known = special(value)
  if (known !== null) return known
  const { digits: all, point } = digitsOf(Math.abs(value), precision === null ? null : Math.max(1, precision))
  const digits = all.replace(/0+$/, '') || '0'
  const sign = value < 0 || Object.is(value, -0) ? '-' : ''
  const exponent = value === 0 ? 0 : point - 1
  // With a precision, as many digits may stand before the point; without one, six.
  const most = precision === null ? 6 : Math.max(1, precision)
  if (exponent < -4 || exponent >= most) return sign + scientific(digits, exponent)
  if (point <= 0) return `${sign}0.${'0'.repeat(-point)}${digits}`.replace(/\.0*$/, '')
  const whole = digits.slice(0, point).padEnd(point, '0')
  return sign + whole + (digits.length > point ? `.${digits.slice(point)}` : '')
}

function scientific(digits: string, exponent: number): string {
  const rest = digits.length > 1 ? `.${digits.slice(1)}` : ''
  return `${digits[0] ?? '0'}${rest}e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`
}

/** `%e`: one digit, the point, `precision` digits (null: as few as possible). */
export function formatE(value: number, precision: number | null): string {
  const known = special(value)
  if (known !== null) return known
  const text = precision === null ? value.toExponential() : value.toExponential(Math.min(100, precision))
  return text.replace(/e([+-])(\d)$/, 'e$10$2')
}

/** `%f`: `precision` digits after the point (null: as few as possible), never an exponent. */
export function formatF(value: number, precision: number | null): string {
  const known = special(value)
  if (known !== null) return known
  if (precision !== null && Math.abs(value) < 1e21) return value.toFixed(Math.min(100, precision))
  const { digits, point } = digitsOf(Math.abs(value), null)
  const whole = point <= 0 ? '0' : digits.slice(0, point).padEnd(point, '0')
  const rest = point <= 0 ? '0'.repeat(-point) + digits : digits.slice(point)
  const shown = precision === null ? rest.replace(/0+$/, '') : rest.padEnd(precision, '0').slice(0, precision)
  return (value < 0 ? '-' : '') + whole + (shown === '' ? '' : `.${shown}`)
}
