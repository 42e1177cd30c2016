/** Times in Go's layouts: a layout is how the second of January 2006, 15:04:05, would be written. */

const months = ['January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October', 'November', 'December']
const days = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday']
const two = (value: number): string => String(value).padStart(2, '0')
const hour12 = (time: Date): number => time.getUTCHours() % 12 || 12

type Part = (time: Date, written: string) => string
/** Tried in this order at each place. */
const parts: readonly (readonly [shape: string, part: Part])[] = [
  ['January', (t) => months[t.getUTCMonth()] ?? ''],
  ['Jan', (t) => (months[t.getUTCMonth()] ?? '').slice(0, 3)],
  ['Monday', (t) => days[t.getUTCDay()] ?? ''],
  ['Mon', (t) => (days[t.getUTCDay()] ?? '').slice(0, 3)],
  ['MST', () => 'UTC'],
  ['2006', (t) => String(t.getUTCFullYear()).padStart(4, '0')],
  ['__2', (t) => String(dayOfYear(t)).padStart(3, ' ')],
  ['002', (t) => String(dayOfYear(t)).padStart(3, '0')],
  ['_2', (t) => String(t.getUTCDate()).padStart(2, ' ')],
  ['01', (t) => two(t.getUTCMonth() + 1)],
  ['02', (t) => two(t.getUTCDate())],
  ['03', (t) => two(hour12(t))],
  ['04', (t) => two(t.getUTCMinutes())],
  ['05', (t) => two(t.getUTCSeconds())],
  ['06', (t) => two(t.getUTCFullYear() % 100)],
  ['15', (t) => two(t.getUTCHours())],
  ['PM', (t) => (t.getUTCHours() < 12 ? 'AM' : 'PM')],
  ['pm', (t) => (t.getUTCHours() < 12 ? 'am' : 'pm')],
  ['-07:00:00', () => '+00:00:00'],
  ['-070000', () => '+000000'],
  ['-07:00', () => '+00:00'],
  ['-0700', () => '+0000'],
  ['-07', () => '+00'],
  ['Z07:00:00', () => 'Z'],
  ['Z070000', () => 'Z'],
  ['Z07:00', () => 'Z'],
  ['Z0700', () => 'Z'],
  ['Z07', () => 'Z'],
  ['1', (t) => String(t.getUTCMonth() + 1)],
  ['2', (t) => String(t.getUTCDate())],
  ['3', (t) => String(hour12(t))],
  ['4', (t) => String(t.getUTCMinutes())],
  ['5', (t) => String(t.getUTCSeconds())],
]

function dayOfYear(time: Date): number {
  return Math.floor((Date.UTC(time.getUTCFullYear(), time.getUTCMonth(), time.getUTCDate()) - Date.UTC(time.getUTCFullYear(), 0, 1)) / 86_400_000) + 1
}

const pattern = new RegExp(`[.,](?:0+|9+)(?!\\d)|${parts.map(([shape]) => shape).join('|')}`, 'g')
const known = new Map(parts)

/** In UTC. */
export function formatTime(time: Date, layout: string): string {
  return layout.replaceAll(pattern, (written) => known.get(written)?.(time, written) ?? fraction(time, written))
}

/** `.000` has as many digits, `.999` leaves out the zeros at the end. */
function fraction(time: Date, written: string): string {
  const digits = String(time.getUTCMilliseconds()).padStart(3, '0').padEnd(9, '0').slice(0, written.length - 1)
  const shown = written[1] === '9' ? digits.replace(/0+$/, '') : digits
  return shown === '' ? '' : (written[0] ?? '') + shown
}
