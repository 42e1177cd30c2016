/** Address ranges of roles and secret ids. Other than those of tokens they need a prefix length, as Vault's do. */
import { containsRange, isAddressWithin, parseCidr } from '../../kit/cidr.ts'
import { badRequest } from '../../kit/errors.ts'

/** Throws `bad_request` naming the range at fault. */
export function checkRanges(ranges: readonly string[]): readonly string[] {
  for (const range of ranges) {
    const isRange = range.includes('/') && isParsable(range)
    if (!isRange) throw badRequest(`failed to validate CIDR blocks: invalid CIDR address: ${range}`)
  }
  return ranges
}

function isParsable(range: string): boolean {
  try {
    parseCidr(range)
    return true
  } catch {
    return false
  }
}

/** Throws `bad_request` unless everything in the ranges of a secret id lies in those of its role; a role without any allows all. */
export function checkWithin(ofSecretId: readonly string[], ofRole: readonly string[]): void {
  if (ofRole.length === 0) return
  const outer = ofRole.map(parseCidr)
  if (ofSecretId.every((range) => outer.some((wide) => containsRange(wide, parseCidr(range))))) return
  const shown = (ranges: readonly string[]): string => `[${ranges.map((range) => JSON.stringify(range)).join(' ')}]`
  throw badRequest(`the CIDR blocks on the secret ID ${shown(ofSecretId)} do not lie in those on the role ${shown(ofRole)}`)
}

/** Whether a login from this address is allowed; no ranges allow all. */
export const isWithin = (ranges: readonly string[], address: string): boolean => ranges.length === 0 || isAddressWithin(ranges.map(parseCidr), address)
