/** From when until when a certificate is valid. */
import { badRequest } from '../../kit/errors.ts'
import { formatDuration } from '../../kit/duration.ts'
import { formatTime } from '../../kit/time.ts'
import type { Role } from './role-fields.ts'

const dateShape = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/

/** RFC 3339; milliseconds since 1970, or null. */
export function parseDate(written: string): number | null {
  const at = dateShape.test(written) ? Date.parse(written) : Number.NaN
  return Number.isNaN(at) ? null : at
}

function requireDate(written: string): number {
  const at = parseDate(written)
  if (at === null) throw badRequest(`parsing time ${JSON.stringify(written)} as "2006-01-02T15:04:05Z07:00": not such a time`)
  return at
}

export interface ValidityWish {
  /** Seconds; 0: not given. */
  readonly ttl?: number | undefined
  readonly not_before?: string | undefined
  readonly not_after?: string | undefined
}

/** The end of the issuer's own certificate, and what to do with those that would live longer. */
export interface IssuerEnd {
  readonly notAfter: number
  readonly behavior: string
}

export interface Terms {
  readonly now: number
  readonly mountDefaultSeconds: number
  readonly mountMaxSeconds: number
  /** Null for what signs itself. */
  readonly issuer: IssuerEnd | null
  readonly warn: (text: string) => void
}

export interface Validity {
  readonly notBefore: number
  readonly notAfter: number
}

type Bounds = Pick<Role, 'ttl' | 'max_ttl' | 'not_before' | 'not_before_bound' | 'not_before_duration' | 'not_after' | 'not_after_bound'>

/** Throws `bad_request` for what the role or the issuer does not allow. Whole seconds. */
export function validityOf(bounds: Bounds, wish: ValidityWish, terms: Terms): Validity {
  const notBefore = notBeforeOf(bounds, wish, terms.now)
  const notAfter = withinIssuer(notAfterOf(bounds, wish, terms), terms)
  const latest = parseDate(bounds.not_after_bound)
  if (latest !== null && notAfter > latest) throw badRequest(`not_after_bound is set to ${bounds.not_after_bound}. Cannot satisfy request as that would result in notAfter of ${formatTime(notAfter)}`)
  const validity = { notBefore: wholeSeconds(notBefore), notAfter: wholeSeconds(notAfter) }
  if (validity.notBefore < firstTime || validity.notAfter > lastTime) throw badRequest('not_before or not_after is a time that no certificate can state: before the year 0 or after 9999')
  if (validity.notAfter <= validity.notBefore) throw badRequest('the certificate would end before it begins')
  return validity
}

/** Certificates write four digits of a year (RFC 5280 §4.1.2.5); with an offset, a date can lie beyond them. */
const firstTime = Date.parse('0000-01-01T00:00:00Z')
const lastTime = Date.parse('9999-12-31T23:59:59Z')

const wholeSeconds = (at: number): number => Math.floor(at / 1000) * 1000

function notBeforeOf(bounds: Bounds, { not_before: wished = '' }: ValidityWish, now: number): number {
  const earliest = now - bounds.not_before_duration * 1000
  if (bounds.not_before !== '') return requireDate(bounds.not_before)
  if (wished === '') return earliest
  if (bounds.not_before_bound === 'forbid') throw badRequest('not_before_bound is set to forbid. not_before cannot be provided.')
  const at = requireDate(wished)
  if (bounds.not_before_bound === 'duration' && at < earliest) throw badRequest('not_before_bound is set to duration. not_before is older than the allowed not_before_duration')
  return at
}

function notAfterOf(bounds: Bounds, wish: ValidityWish, terms: Terms): number {
  const wished = wish.not_after ?? ''
  if (bounds.not_after === '' && wished !== '' && bounds.not_after_bound === 'forbid') throw badRequest('not_after_bound is set to forbid. not_after cannot be provided.')
  const fixed = bounds.not_after === '' ? wished : bounds.not_after
  const fixedAt = fixed === '' ? null : requireDate(fixed)
  if ((wish.ttl ?? 0) > 0 && fixedAt !== null) throw badRequest('Either ttl or not_after should be provided. Both should not be provided in the same request.')
  const seconds = ttlOf(bounds, wish, terms)
  const end = terms.now + seconds * 1000
  if (bounds.not_after_bound === 'ttl-limited' && fixedAt !== null && fixedAt > end) {
    throw badRequest(`not_after_bound is set to ttl-limited. Cannot satisfy request as that would result in notAfter of ${formatTime(fixedAt)} that is beyond the TTL of ${formatDuration(seconds)}`)
  }
  return fixedAt ?? end
}

function ttlOf(bounds: Bounds, wish: ValidityWish, terms: Terms): number {
  const wanted = wish.ttl || bounds.ttl || terms.mountDefaultSeconds
  const most = bounds.max_ttl || terms.mountMaxSeconds
  if (wanted <= most) return wanted
  terms.warn(`TTL "${formatDuration(wanted)}" is longer than permitted maxTTL "${formatDuration(most)}", so maxTTL is being used`)
  return most
}

function withinIssuer(notAfter: number, { issuer, now }: Terms): number {
  if (issuer === null || notAfter <= issuer.notAfter || issuer.behavior === 'permit') return notAfter
  if (issuer.behavior === 'truncate' && issuer.notAfter > now) return issuer.notAfter
  throw badRequest(`cannot satisfy request, as TTL would result in notAfter of ${formatTime(notAfter)} that is beyond the expiration of the CA certificate at ${formatTime(issuer.notAfter)}`)
}
