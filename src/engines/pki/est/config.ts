/** How EST is served (Vault's `config/est`, and one field of our own: `reenroll_with_certificate`). */
import { badRequest } from '../../../kit/errors.ts'
import { anything, flag, list, optional, text, textMap } from '../../../kit/fields.ts'
import { path } from '../../../kit/operation.ts'
import { records } from '../../../kit/records.ts'
import type { Transaction } from '../../../kit/store.ts'
import { formatTime } from '../../../kit/time.ts'
import { parseAuthenticators, type Authenticators } from '../authenticators.ts'
import { checkPathPolicy } from '../path-policy.ts'

export interface EstConfig {
  readonly enabled: boolean
  readonly default_mount: boolean
  readonly default_path_policy: string
  readonly label_to_path_policy: Readonly<Record<string, string>>
  readonly authenticators: Authenticators
  readonly audit_fields: readonly string[]
  readonly reenroll_with_certificate: boolean
  /** Milliseconds since 1970; 0: never. */
  readonly updatedAt: number
}

const auditable = ['csr', 'common_name', 'alt_names', 'ip_sans', 'uri_sans', 'serial_number'] as const
const stored = records<EstConfig, []>(() => '.config/est')
const defaults: EstConfig = Object.freeze({
  enabled: false, default_mount: false, default_path_policy: '', label_to_path_policy: {}, authenticators: {}, audit_fields: [...auditable],
  reenroll_with_certificate: false, updatedAt: 0,
})

export const readEstConfig = async (store: Pick<Transaction, 'get'>): Promise<EstConfig> => ({ ...defaults, ...(await stored.read(store)) })

const labelsMax = 100

async function checkConfig(store: Transaction, config: EstConfig): Promise<void> {
  if (config.enabled && config.default_path_policy === '') throw badRequest('default_path_policy is required when EST is enabled')
  if (config.default_path_policy !== '') await checkPathPolicy(store, 'default_path_policy', config.default_path_policy)
  const labels = Object.entries(config.label_to_path_policy)
  if (labels.length > labelsMax) throw badRequest(`label_to_path_policy has more than ${labelsMax} labels`)
  for (const [label, policy] of labels) {
    if (!/^\w(?:[\w.-]*\w)?$/.test(label) || estOperations.has(label)) throw badRequest(`label_to_path_policy: ${JSON.stringify(label)} cannot be a label`)
    await checkPathPolicy(store, `label_to_path_policy.${label}`, policy)
  }
  const unknown = config.audit_fields.find((name) => !(auditable as readonly string[]).includes(name))
  if (unknown !== undefined) throw badRequest(`audit_fields: ${JSON.stringify(unknown)} is unknown; known are ${auditable.join(', ')}`)
}

/** Names that stand where a label could. */
const estOperations: ReadonlySet<string> = new Set(['cacerts', 'simpleenroll', 'simplereenroll', 'csrattrs', 'fullcmc', 'serverkeygen'])

const shown = ({ updatedAt, ...config }: EstConfig): Readonly<Record<string, unknown>> => ({ ...config, last_updated: updatedAt === 0 ? '' : formatTime(updatedAt) })

const est = path('config/est')

export const readEst = est.read({ summary: 'Show how EST is served.', handle: async ({ store }) => shown(await readEstConfig(store)) })

export const writeEst = est.write({
  summary: 'Set how EST is served.',
  input: {
    enabled: optional(flag('Serve EST (RFC 7030).')),
    default_mount: optional(flag('Serve /.well-known/est from this mount, whatever its path.')),
    default_path_policy: optional(text('For paths without a role: sign-verbatim, or role:NAME.')),
    label_to_path_policy: optional(textMap('Labels in paths (est/LABEL/…), and what holds for each: sign-verbatim, or role:NAME.')),
    authenticators: optional(anything('Auth methods that prove who asks: {"userpass": {"accessor": …}, "cert": {"accessor": …, "cert_role": …}}.')),
    audit_fields: optional(list(`What the audit log says of a request: of ${auditable.join(', ')}.`)),
    reenroll_with_certificate: optional(flag('Let whoever shows a valid certificate of this mount renew it for the same names, without a token.')),
  },
  async handle({ input: { authenticators, ...input }, store, now }) {
    const config: EstConfig = { ...(await readEstConfig(store)), ...input, ...(authenticators === undefined ? {} : { authenticators: parseAuthenticators(authenticators) }), updatedAt: now }
    await checkConfig(store, config)
    stored.write(store, config)
    return shown(config)
  },
})

/** `est/…` where this mount is the one for it. Other spellings than plain ones lead nowhere. */
export async function estPlace(store: Pick<Transaction, 'get'>, path: string): Promise<string | null> {
  if (!/^est(?:\/[\w.-]+){1,2}$/.test(path)) return null
  const { enabled, default_mount: isDefault } = await readEstConfig(store)
  return enabled && isDefault ? path : null
}
