/** How the ACME server behaves. */
import { randomBytes } from 'node:crypto'
import { parseCidr } from '../../../kit/cidr.ts'
import { badRequest } from '../../../kit/errors.ts'
import { flag, integer, list, optional, text } from '../../../kit/fields.ts'
import { path } from '../../../kit/operation.ts'
import { records } from '../../../kit/records.ts'
import type { Transaction } from '../../../kit/store.ts'
import { resolveIssuerEntry } from '../authority.ts'
import { readIndex, roles } from '../records.ts'
import { readCluster } from '../urls.ts'

export interface AcmeConfig {
  readonly enabled: boolean
  readonly allowed_issuers: readonly string[]
  readonly allowed_roles: readonly string[]
  readonly allow_role_ext_key_usage: boolean
  readonly default_directory_policy: string
  readonly dns_resolver: string
  readonly eab_policy: string
  readonly challenge_permitted_ip_ranges: readonly string[]
  readonly challenge_http_port: number
  readonly challenge_tls_port: number
}

const stored = records<AcmeConfig, []>(() => '.config/acme')
const secrets = records<{ readonly nonceKey: string }, []>(() => '.acme/secret')
const defaults: AcmeConfig = Object.freeze({
  enabled: false, allowed_issuers: ['*'], allowed_roles: ['*'], allow_role_ext_key_usage: false, default_directory_policy: 'sign-verbatim', dns_resolver: '', eab_policy: 'not-required',
  challenge_permitted_ip_ranges: [], challenge_http_port: 80, challenge_tls_port: 443,
})

type Reader = Pick<Transaction, 'get'>
export const readAcmeConfig = async (store: Reader): Promise<AcmeConfig> => ({ ...defaults, ...(await stored.read(store)) })
/** The key that nonces are authenticated with; null before ACME was ever configured. */
export const readNonceKey = async (store: Reader): Promise<Buffer | null> => {
  const found = await secrets.read(store)
  return found === null ? null : Buffer.from(found.nonceKey, 'base64')
}

const eabPolicies: ReadonlySet<string> = new Set(['not-required', 'new-account-required', 'always-required'])

/** Throws `bad_request`. */
async function checkConfig(store: Reader, config: AcmeConfig): Promise<void> {
  if (!eabPolicies.has(config.eab_policy)) throw badRequest("invalid eab policy name provided, valid values are 'not-required', 'new-account-required', 'always-required'")
  await checkPolicy(store, config)
  await checkIssuers(store, config.allowed_issuers)
  checkResolver(config.dns_resolver)
  config.challenge_permitted_ip_ranges.forEach(parseCidr)
  for (const port of [config.challenge_http_port, config.challenge_tls_port]) if (port < 1 || port > 65_535) throw badRequest('ports of challenges must be from 1 to 65535')
  if (config.enabled && (await readCluster(store)).path === '') throw badRequest("ACME feature requires local cluster 'path' field configuration to be set")
}

async function checkPolicy(store: Reader, { default_directory_policy: policy, allowed_roles: allowed }: AcmeConfig): Promise<void> {
  if (policy === 'forbid' || policy === 'sign-verbatim') return
  const [, name] = /^role:(.+)$/.exec(policy) ?? []
  if (name === undefined) throw badRequest(`invalid default_directory_policy: string ${policy} not a valid Default Directory Policy`)
  if (!allowed.includes('*') && !allowed.includes(name)) throw badRequest(`default directory policy ${policy} was not specified in allowed_roles: [${allowed.join(' ')}]`)
  if ((await roles.read(store, name)) === null) throw badRequest(`default directory policy role ${name} is not a valid ACME role: role does not exist`)
}

async function checkIssuers(store: Reader, allowed: readonly string[]): Promise<void> {
  if (allowed.includes('*')) return
  const index = await readIndex(store)
  for (const ref of allowed) {
    try {
      resolveIssuerEntry(index, ref)
    } catch (cause) {
      throw badRequest(`failed validating allowed_issuers: unable to fetch issuer: ${ref}: ${cause instanceof Error ? cause.message : ''}`, { cause })
    }
  }
}

function checkResolver(written: string): void {
  if (written === '') return
  const [, , port] = /^(?:\[([0-9a-f:.]+)\]|[\d.]+):(\d+)$/i.exec(written) ?? []
  if (port === undefined || Number(port) > 65_535) throw badRequest(`failed to parse DNS resolver address: address ${written}: expected ADDRESS:PORT`)
}

const acme = path('config/acme')

export const readAcme = acme.read({ summary: 'Show how the ACME server behaves.', handle: async ({ store }) => ({ ...(await readAcmeConfig(store)) }) })

export const writeAcme = acme.write({
  summary: 'Set how the ACME server behaves.',
  input: {
    enabled: optional(flag('Serve ACME.')),
    allowed_issuers: optional(list('Issuers that directories may name; * for all.')),
    allowed_roles: optional(list('Roles that directories may name; * for all.')),
    allow_role_ext_key_usage: optional(flag('Take the extended purposes of the role; otherwise certificates are for servers only.')),
    default_directory_policy: optional(text('For directories without a role: forbid, sign-verbatim (any name that was proven), or role:NAME.')),
    dns_resolver: optional(text('ADDRESS:PORT of the resolver for challenges; otherwise that of the system.')),
    eab_policy: optional(text('Who needs an external account binding: not-required, new-account-required, always-required.')),
    challenge_permitted_ip_ranges: optional(list('Private, local or reserved ranges (CIDR) that challenges may reach all the same.')),
    challenge_http_port: optional(integer('Port for http-01, where port 80 of clients is mapped.')),
    challenge_tls_port: optional(integer('Port for tls-alpn-01, where port 443 of clients is mapped.')),
  },
  async handle({ input, store }) {
    const config = { ...(await readAcmeConfig(store)), ...input }
    await checkConfig(store, config)
    stored.write(store, config)
    if ((await secrets.read(store)) === null) secrets.write(store, { nonceKey: randomBytes(32).toString('base64') })
    return config
  },
})
