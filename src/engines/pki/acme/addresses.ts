/**
 * Which addresses a challenge may reach. Whoever orders a certificate chooses the name, and with their DNS also the address: without a bound, this server would
 * ask whatever stands behind its own firewall (GO-2026-5262). The address is resolved here, judged, and then connected to as it stands, so that a second
 * resolution cannot give another one.
 */
import { promises as dns } from 'node:dns'
import { isIP } from 'node:net'
import { isAddressWithin, parseCidr } from '../../../kit/cidr.ts'
import type { AcmeConfig } from './config.ts'
import { AcmeProblem } from './problem.ts'

/** Not of the public internet (IANA special-purpose registries), or of one machine only. IPv4 addresses in IPv6 form are judged as IPv4. */
const reserved = [
  '0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12', '192.0.0.0/24', '192.0.2.0/24', '192.88.99.0/24', '192.168.0.0/16', '198.18.0.0/15',
  '198.51.100.0/24', '203.0.113.0/24', '224.0.0.0/4', '240.0.0.0/4', '::/96', '64:ff9b::/96', '64:ff9b:1::/48', '100::/64', '2001::/23', '2001:db8::/32', '2002::/16', 'fc00::/7',
  'fe80::/10', 'fec0::/10', 'ff00::/8',
].map(parseCidr)

const isPermitted = (config: AcmeConfig, address: string): boolean =>
  !isAddressWithin(reserved, address) || isAddressWithin(config.challenge_permitted_ip_ranges.map(parseCidr), address)

const timeoutMs = 5000

/** A resolver of its own, so that one that hangs is left behind. */
export function resolverFor({ dns_resolver: server }: AcmeConfig): dns.Resolver {
  const resolver = new dns.Resolver({ timeout: timeoutMs, tries: 2 })
  if (server !== '') resolver.setServers([server])
  return resolver
}

/** The first address of a host that may be reached. Throws problems. */
export async function reachableAddress(config: AcmeConfig, host: string): Promise<string> {
  const addresses = isIP(host) === 0 ? await resolve(config, host) : [host]
  if (addresses.length === 0) throw new AcmeProblem('dns', `no address was found for ${host}`)
  const found = addresses.find((address) => isPermitted(config, address))
  if (found === undefined) throw new AcmeProblem('unauthorized', `the address of ${host} is private or reserved, and not in challenge_permitted_ip_ranges`)
  return found
}

async function resolve(config: AcmeConfig, host: string): Promise<string[]> {
  const resolver = resolverFor(config)
  const answers = await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)])
  return answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []))
}
