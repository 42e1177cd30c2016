/** The configuration of `ssh-helper`, in the words of vault-ssh-helper: HCL or JSON. */
import { parseCidr, type Cidr } from '../../kit/cidr.ts'
import { decodeHcl, type HclData } from '../../kit/hcl/decode.ts'
import { parseHcl } from '../../kit/hcl/parser.ts'
import { usageError } from '../failure.ts'
import { parseBool } from '../flags.ts'

export interface HelperConfig {
  readonly address: string
  readonly mount: string
  readonly namespace: string
  readonly caCert: string | undefined
  readonly caPath: string | undefined
  readonly tlsSkipVerify: boolean
  readonly tlsServerName: string | undefined
  /** `null`: any. */
  readonly allowedRoles: readonly string[] | null
  /** Where the address of a password may lie, besides those of this host. */
  readonly allowedRanges: readonly Cidr[]
}

const known: ReadonlySet<string> = new Set([
  'vault_addr', 'ssh_mount_point', 'namespace', 'ca_cert', 'ca_path', 'tls_skip_verify', 'tls_server_name', 'allowed_roles', 'allowed_cidr_list',
])

const items = (text: string): string[] => text.split(',').map((item) => item.trim()).filter((item) => item !== '')

/** `isDev`: an address without TLS will do. Throws `Failure` (1) that names the key at fault. */
export function parseHelperConfig(text: string, isDev: boolean): HelperConfig {
  const entries = decode(text)
  const wrong = Object.keys(entries).find((key) => !known.has(key))
  if (wrong !== undefined) throw usageError(`unknown key ${JSON.stringify(wrong)} in the configuration`)
  const read = (key: string): string | undefined => textOf(key, entries[key])
  const address = read('vault_addr')?.replace(/\/+$/, '')
  if (address === undefined) throw usageError('vault_addr is missing in the configuration')
  if (!address.startsWith('https://') && !(isDev && /^(?:http|unix):\/\//.test(address))) throw usageError('vault_addr does not begin with https://, which only -dev allows')
  const roles = items(read('allowed_roles') ?? '')
  if (roles.length === 0) throw usageError('allowed_roles is missing in the configuration: name the roles whose passwords this host takes, or "*" for any')
  return {
    address, mount: read('ssh_mount_point') ?? 'ssh', namespace: read('namespace') ?? '', caCert: read('ca_cert'), caPath: read('ca_path'),
    tlsSkipVerify: flagOf(read('tls_skip_verify')), tlsServerName: read('tls_server_name'),
    allowedRoles: roles.includes('*') ? null : roles, allowedRanges: items(read('allowed_cidr_list') ?? '').map(rangeOf),
  }
}

function decode(text: string): Readonly<Record<string, HclData>> {
  try {
    return decodeHcl(parseHcl(text))
  } catch (error) {
    throw usageError(`the configuration cannot be read: ${error instanceof Error ? error.message : String(error)}`)
  }
}

/** Undefined when it is not there, or empty. */
function textOf(key: string, value: HclData | undefined): string | undefined {
  if (value === undefined || value === '') return undefined
  if (typeof value === 'object') throw usageError(`${key} in the configuration is not a text`)
  return String(value)
}

function flagOf(written: string | undefined): boolean {
  const value = written === undefined ? false : parseBool(written)
  if (value === null) throw usageError('tls_skip_verify in the configuration is neither true nor false')
  return value
}

function rangeOf(written: string): Cidr {
  try {
    return parseCidr(written)
  } catch (error) {
    throw usageError(`allowed_cidr_list in the configuration: ${error instanceof Error ? error.message : 'not a range'}`)
  }
}
