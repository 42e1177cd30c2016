/** `otpauth` URLs, by which authenticator apps take keys over (Google Authenticator's "Key Uri Format"). */
import type { TotpForm } from '../../crypto/otp.ts'
import { badRequest } from '../../kit/errors.ts'

/** What stands in a URL; what is missing there is undefined, what is there may still be wrong. */
export interface UrlParts {
  readonly secret: string
  readonly issuer: string | undefined
  readonly accountName: string
  readonly algorithm: string | undefined
  readonly digits: number | undefined
  readonly period: number | undefined
}

const urlLengthMax = 8192

/** Scheme and type are not looked at, as Vault does it. Throws `bad_request` without the URL, which holds the key. */
export function parseOtpUrl(text: string): UrlParts {
  const { label, query } = splitUrl(text)
  const colon = label.indexOf(':')
  return {
    secret: query.get('secret') ?? '',
    issuer: query.get('issuer') || (colon < 0 ? undefined : label.slice(0, colon)),
    accountName: label.slice(colon + 1),
    algorithm: query.get('algorithm') || undefined,
    digits: parseCount(query, 'digits'),
    period: parseCount(query, 'period'),
  }
}

function splitUrl(text: string): { label: string; query: URLSearchParams } {
  try {
    if (text.length > urlLengthMax) throw new RangeError('too long')
    const url = new URL(text)
    return { label: decodeURIComponent(url.pathname).replace(/^\//, ''), query: url.searchParams }
  } catch {
    throw badRequest('an error occurred while parsing url string')
  }
}

function parseCount(query: URLSearchParams, name: 'digits' | 'period'): number | undefined {
  const written = query.get(name)
  if (written === null || written === '') return undefined
  const value = /^[+-]?\d{1,15}$/.test(written) ? Number(written) : Number.NaN
  if (Number.isNaN(value)) throw badRequest(`an error occurred while parsing ${name} value in url`)
  return value
}

export interface OtpUrl extends TotpForm {
  readonly issuer: string
  readonly accountName: string
  /** In base32. */
  readonly secret: string
}

export function formatOtpUrl({ issuer, accountName, algorithm, digits, period, secret }: OtpUrl): string {
  const label = `${encodeURIComponent(issuer)}:${encodeURIComponent(accountName)}`.replaceAll('%40', '@')
  return `otpauth://totp/${label}?algorithm=${algorithm}&digits=${digits}&issuer=${encodeURIComponent(issuer)}&period=${period}&secret=${secret}`
}
