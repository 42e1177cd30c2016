/** How CMP is served: Vault's `config/cmp`, with shared secrets in the place of an auth method. */
import { badRequest } from '../../../kit/errors.ts'
import { flag, optional, secret, text, textMap } from '../../../kit/fields.ts'
import { path } from '../../../kit/operation.ts'
import { records } from '../../../kit/records.ts'
import type { Transaction } from '../../../kit/store.ts'
import { formatTime } from '../../../kit/time.ts'
import { checkPathPolicy } from '../path-policy.ts'

export interface CmpConfig {
  readonly enabled: boolean
  readonly default_path_policy: string
  /** By reference. */
  readonly secrets: Readonly<Record<string, string>>
  /** Milliseconds since 1970; 0: never. */
  readonly updatedAt: number
}

const stored = records<CmpConfig, []>(() => '.config/cmp')
const defaults: CmpConfig = Object.freeze({ enabled: false, default_path_policy: '', secrets: {}, updatedAt: 0 })

export const readCmpConfig = async (store: Pick<Transaction, 'get'>): Promise<CmpConfig> => ({ ...defaults, ...(await stored.read(store)) })

const secretsMax = 1000
const secretMin = 12
const textMax = 256

async function checkConfig(store: Transaction, { enabled, default_path_policy: policy, secrets }: CmpConfig): Promise<void> {
  if (enabled && policy === '') throw badRequest('default_path_policy is required when CMP is enabled')
  if (policy !== '') await checkPathPolicy(store, 'default_path_policy', policy)
  const all = Object.entries(secrets)
  if (all.length > secretsMax) throw badRequest(`shared_secrets has more than ${secretsMax} references`)
  for (const [reference, value] of all) {
    if (reference.length > textMax) throw badRequest(`shared_secrets: a reference has more than ${textMax} characters`)
    if (value.length < secretMin || value.length > textMax) throw badRequest(`shared_secrets: the secret of ${JSON.stringify(reference)} must have ${secretMin} to ${textMax} characters`)
  }
}

const shown = ({ updatedAt, secrets, ...config }: CmpConfig): Readonly<Record<string, unknown>> =>
  ({ ...config, shared_secret_references: Object.keys(secrets).sort(), last_updated: updatedAt === 0 ? '' : formatTime(updatedAt) })

const cmp = path('config/cmp')

export const readCmp = cmp.read({ summary: 'Show how CMP is served.', handle: async ({ store }) => shown(await readCmpConfig(store)) })

export const writeCmp = cmp.write({
  summary: 'Set how CMP is served.',
  input: {
    enabled: optional(flag('Serve CMP (RFC 9810, RFC 9483).')),
    default_path_policy: optional(text('For paths without a role: sign-verbatim, or role:NAME.')),
    shared_secrets: optional(secret(textMap('Secrets that first requests are protected with, by the reference that clients send; they replace those of before, and are never shown.'))),
  },
  async handle({ input: { shared_secrets: secrets, ...input }, store, now }) {
    const config: CmpConfig = { ...(await readCmpConfig(store)), ...input, ...(secrets === undefined ? {} : { secrets }), updatedAt: now }
    await checkConfig(store, config)
    stored.write(store, config)
    return shown(config)
  },
})
