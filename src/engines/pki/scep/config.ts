/** How SCEP is served: Vault's `config/scep`, with a static challenge in the place of its own auth method. */
import { badRequest } from '../../../kit/errors.ts'
import { flag, list, optional, secret, text } from '../../../kit/fields.ts'
import { path } from '../../../kit/operation.ts'
import { records } from '../../../kit/records.ts'
import type { Transaction } from '../../../kit/store.ts'
import { formatTime } from '../../../kit/time.ts'
import { checkPathPolicy } from '../path-policy.ts'

export interface ScepConfig {
  readonly enabled: boolean
  readonly default_path_policy: string
  readonly allowed_encryption_algorithms: readonly string[]
  readonly allowed_digest_algorithms: readonly string[]
  readonly restrict_ca_chain_to_issuer: boolean
  /** '' : none, and only renewals are served. */
  readonly challenge: string
  /** Milliseconds since 1970; 0: never. */
  readonly updatedAt: number
}

const stored = records<ScepConfig, []>(() => '.config/scep')
const defaults: ScepConfig = Object.freeze({
  enabled: false, default_path_policy: '', allowed_encryption_algorithms: ['aes128-cbc', 'aes256-cbc'], allowed_digest_algorithms: ['sha-256', 'sha-384', 'sha-512'],
  restrict_ca_chain_to_issuer: false, challenge: '', updatedAt: 0,
})

export const readScepConfig = async (store: Pick<Transaction, 'get'>): Promise<ScepConfig> => ({ ...defaults, ...(await stored.read(store)) })

const encryptions: ReadonlySet<string> = new Set(['aes128-cbc', 'aes256-cbc', '3des-cbc'])
const hashes: ReadonlySet<string> = new Set(['sha-1', 'sha-256', 'sha-384', 'sha-512'])
const challengeMax = 1024

async function checkConfig(store: Transaction, config: ScepConfig): Promise<void> {
  if (config.enabled && config.default_path_policy === '') throw badRequest('default_path_policy is required when SCEP is enabled')
  if (config.default_path_policy !== '') await checkPathPolicy(store, 'default_path_policy', config.default_path_policy)
  checkNames('allowed_encryption_algorithms', config.allowed_encryption_algorithms, encryptions)
  checkNames('allowed_digest_algorithms', config.allowed_digest_algorithms, hashes)
  if (config.challenge !== '' && (config.challenge.length < 8 || config.challenge.length > challengeMax)) throw badRequest(`static_challenge must have 8 to ${challengeMax} characters`)
}

function checkNames(field: string, names: readonly string[], known: ReadonlySet<string>): void {
  const unknown = names.find((name) => !known.has(name))
  if (unknown !== undefined) throw badRequest(`${field}: ${JSON.stringify(unknown)} is unknown; known are ${[...known].join(', ')}`)
  if (names.length === 0) throw badRequest(`${field} must name at least one`)
}

const shown = ({ updatedAt, challenge, ...config }: ScepConfig): Readonly<Record<string, unknown>> =>
  ({ ...config, has_static_challenge: challenge !== '', last_updated: updatedAt === 0 ? '' : formatTime(updatedAt) })

const scep = path('config/scep')

export const readScep = scep.read({ summary: 'Show how SCEP is served.', handle: async ({ store }) => shown(await readScepConfig(store)) })

export const writeScep = scep.write({
  summary: 'Set how SCEP is served.',
  input: {
    enabled: optional(flag('Serve SCEP (RFC 8894).')),
    default_path_policy: optional(text('For paths without a role: sign-verbatim, or role:NAME.')),
    allowed_encryption_algorithms: optional(list('Ciphers that requests may use: aes128-cbc, aes256-cbc, 3des-cbc.')),
    allowed_digest_algorithms: optional(list('Digests that requests may use: sha-256, sha-384, sha-512, sha-1.')),
    restrict_ca_chain_to_issuer: optional(flag('Hand out the certificate of the issuer only, without those above it.')),
    static_challenge: optional(secret(text('The password that first requests must carry, never shown again; empty: none, and only renewals are served.'))),
  },
  async handle({ input: { static_challenge: challenge, ...input }, store, now }) {
    const config: ScepConfig = { ...(await readScepConfig(store)), ...input, ...(challenge === undefined ? {} : { challenge }), updatedAt: now }
    await checkConfig(store, config)
    stored.write(store, config)
    return shown(config)
  },
})
