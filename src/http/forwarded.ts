/** Which address a request really comes from, when trusted proxies stand in front (`X-Forwarded-For`). */
import { badRequest } from '../kit/errors.ts'
import { findAddress, formatAddress, isAddressWithin, type Cidr } from '../kit/cidr.ts'

/** The `x_forwarded_for_*` settings of a listener. */
export interface ForwardedSettings {
  /** Proxies whose word counts. */
  readonly authorizedAddrs: readonly Cidr[]
  /** How many entries to pass over, from the right: proxies behind the one that is believed. */
  readonly hopSkips: number
  readonly rejectNotPresent: boolean
  readonly rejectNotAuthorized: boolean
}

/**
 * The address to take as the client's; null when the header is not to be believed, and must not be shown to anybody either.
 * `header` holds the entries of all such headers, joined by commas. Throws `bad_request` where the settings demand it, and when
 * the header of a trusted proxy has no address at the place that counts.
 */
export function findForwarded(settings: ForwardedSettings, peer: string, header: string | undefined): string | null {
  if (header === undefined) {
    if (settings.rejectNotPresent) throw badRequest('missing x-forwarded-for header and configured to reject when not present')
    return null
  }
  if (!isAddressWithin(settings.authorizedAddrs, peer)) {
    if (settings.rejectNotAuthorized)
      throw badRequest('client address not authorized for x-forwarded-for and configured to reject connection')
    return null
  }
  const entries = header.split(',')
  const entry = entries[entries.length - 1 - settings.hopSkips]
  const address = entry === undefined ? null : findAddress(withoutPort(entry.trim()))
  if (address === null) {
    throw badRequest(`malformed x-forwarded-for configuration or request: no address behind ${settings.hopSkips} hops to skip`)
  }
  return formatAddress(address)
}

/** Some proxies append the port: `192.0.2.1:4711`, `[2001:db8::1]:4711`. */
function withoutPort(entry: string): string {
  const bracketed = /^\[([^\]]*)\](?::\d+)?$/.exec(entry)
  if (bracketed) return bracketed[1] ?? ''
  return /^[\d.]+:\d+$/.test(entry) ? entry.slice(0, entry.indexOf(':')) : entry
}
