/**
 * IP addresses and ranges of them (CIDR, RFC 4632 and RFC 4291): where a token may be used from, which proxies are trusted.
 * An IPv4 address in its IPv6 form (`::ffff:10.0.0.1`) is the IPv4 address, so that it cannot slip past a rule for the other form.
 */
import { badRequest } from './errors.ts'

/** `groups` are the 16-bit parts of the address: two for IPv4, eight for IPv6. */
export interface IpAddress {
  readonly family: 4 | 6
  readonly groups: readonly number[]
}

/** An address and how many of its leading bits count. The remaining bits are kept as they were written, and ignored. */
export interface Cidr extends IpAddress {
  readonly bits: number
}

const mappedGroups = 6

/** `10.0.0.1`, `::1`, `fe80::1%eth0` (the zone is dropped). Throws `bad_request` naming the text for anything else. */
export function parseAddress(text: string): IpAddress {
  const address = findAddress(text)
  if (address === null) throw badRequest(`"${text}" is not an IP address`)
  return address
}

/** Null when the text is no address: for addresses that come from the network, where that is not the caller's mistake. */
export function findAddress(text: string): IpAddress | null {
  if (!text.includes(':')) {
    const groups = readIpv4(text)
    return groups && { family: 4, groups }
  }
  const zone = text.indexOf('%')
  const groups = readIpv6(zone < 0 ? text : text.slice(0, zone))
  return groups && unmapped(groups)
}

/** `10.0.0.0/8`, or an address alone, which stands for itself. Throws `bad_request` naming the text. */
export function parseCidr(text: string): Cidr {
  const slash = text.indexOf('/')
  const address = findAddress(slash < 0 ? text : text.slice(0, slash))
  if (address === null || text.includes('%')) throw badRequest(`"${text}" is not an IP address or a range of them in CIDR notation`)
  const widest = address.family === 4 ? 32 : 128
  if (slash < 0) return { ...address, bits: widest }
  const written = text.slice(slash + 1)
  const mapped = address.family === 4 && text.includes(':') ? 96 : 0
  const bits = /^(?:0|[1-9]\d{0,2})$/.test(written) ? Number(written) - mapped : -1
  if (bits < 0 || bits > widest) throw badRequest(`"${text}" does not end in a prefix length between ${mapped} and ${widest + mapped}`)
  return { ...address, bits }
}

/** Whether the address lies in the range. Addresses of the other family never do. */
export function containsAddress(range: Cidr, address: IpAddress): boolean {
  if (range.family !== address.family) return false
  let bits = range.bits
  for (let i = 0; bits > 0; i++, bits -= 16) {
    const differing = (range.groups[i] ?? 0) ^ (address.groups[i] ?? 0)
    if (differing >> Math.max(0, 16 - bits) !== 0) return false
  }
  return true
}

/** Whether everything in `inner` lies in `outer`. */
export const containsRange = (outer: Cidr, inner: Cidr): boolean => outer.bits <= inner.bits && containsAddress(outer, inner)

/** Whether the text is an address in one of the ranges: false for '' (a unix socket) and for anything that is no address. */
export function isAddressWithin(ranges: readonly Cidr[], text: string): boolean {
  const address = findAddress(text)
  return address !== null && ranges.some((range) => containsAddress(range, address))
}

/** The usual form (RFC 5952): lower case, the longest run of zeros as `::`. */
export function formatAddress({ family, groups }: IpAddress): string {
  if (family === 4) return groups.flatMap((group) => [group >> 8, group & 255]).join('.')
  const text = groups.map((group) => group.toString(16)).join(':')
  const runs = text.match(/(?<![0-9a-f])0(?::0)+(?![0-9a-f])/g) ?? []
  const longest = runs.reduce((best, run) => (run.length > best.length ? run : best), '')
  if (longest === '') return text
  const at = text.search(new RegExp(`(?<![0-9a-f])${longest}(?![0-9a-f])`))
  return `${text.slice(0, at).replace(/:$/, '')}::${text.slice(at + longest.length).replace(/^:/, '')}`
}

/** As Vault shows ranges: a single address without its prefix length. */
export function formatCidr(range: Cidr): string {
  const address = formatAddress(range)
  return range.bits === range.groups.length * 16 ? address : `${address}/${range.bits}`
}

/** Four decimal numbers without leading zeros, which some programs read as octal. */
function readIpv4(text: string): number[] | null {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)
  if (match === null) return null
  const parts = match.slice(1)
  if (parts.some((part) => Number(part) > 255 || (part.length > 1 && part.startsWith('0')))) return null
  const [a = 0, b = 0, c = 0, d = 0] = parts.map(Number)
  return [(a << 8) | b, (c << 8) | d]
}

function readIpv6(text: string): number[] | null {
  const halves = text.split('::')
  if (halves.length > 2) return null
  const [head, tail] = halves.map((half, i) => readGroups(half, i === halves.length - 1))
  if (!head || tail === null) return null
  if (tail === undefined) return head.length === 8 ? head : null
  const missing = 8 - head.length - tail.length
  return missing < 1 ? null : [...head, ...Array.from({ length: missing }, () => 0), ...tail]
}

/** Hexadecimal groups between colons; the last two may be written as an IPv4 address where the whole address ends. */
function readGroups(text: string, mayEndInIpv4: boolean): number[] | null {
  if (text === '') return []
  const groups: number[] = []
  const parts = text.split(':')
  for (const [i, part] of parts.entries()) {
    if (/^[0-9a-fA-F]{1,4}$/.test(part)) groups.push(Number.parseInt(part, 16))
    else {
      const ipv4 = mayEndInIpv4 && i === parts.length - 1 ? readIpv4(part) : null
      if (ipv4 === null) return null
      groups.push(...ipv4)
    }
  }
  return groups
}

function unmapped(groups: readonly number[]): IpAddress {
  const isMapped = groups[5] === 0xffff && groups.slice(0, 5).every((group) => group === 0)
  return isMapped ? { family: 4, groups: groups.slice(mappedGroups) } : { family: 6, groups }
}
