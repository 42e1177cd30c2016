/** Address ranges that a token may be used from, as they are written and shown. */
import { badRequest } from '../kit/errors.ts'
import { parseCidr } from '../kit/cidr.ts'

/** Checks each range; throws naming the one at fault. */
export function checkCidrs(ranges: readonly string[]): readonly string[] {
  for (const range of ranges) {
    try {
      parseCidr(range)
    } catch (cause) {
      throw badRequest(`error parsing role fields: error parsing address ${JSON.stringify(range)}: Unable to convert ${JSON.stringify(range)} to an IPv4 or IPv6 address`, { cause })
    }
  }
  return ranges
}

/** A range of one address is shown as the address. */
export const shownCidrs = (ranges: readonly string[]): readonly string[] => ranges.map((range) => range.replace(/(?<=\.\d+)\/32$|(?<=:.*)\/128$/, ''))
