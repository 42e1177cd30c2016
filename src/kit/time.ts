/** Times on the wire. Inside they are milliseconds since 1970. */

/**
 * As Go prints a time in UTC with `RFC3339Nano`: no zeros at the end of the fraction, and no fraction at all at a full second
 * (`2026-11-21T03:20:00.12Z`, `2026-11-21T03:20:00Z`). Throws a `RangeError` for what no `Date` can hold.
 */
export function formatTime(milliseconds: number): string {
  const iso = new Date(milliseconds).toISOString()
  const digits = iso.length - 4
  if (iso.charCodeAt(digits + 2) !== zero) return iso
  if (iso.charCodeAt(digits + 1) !== zero) return `${iso.slice(0, digits + 2)}Z`
  return iso.charCodeAt(digits) === zero ? `${iso.slice(0, digits - 1)}Z` : `${iso.slice(0, digits + 1)}Z`
}

const zero = 48
