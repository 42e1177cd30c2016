/** What tidying does, and when it does so by itself. */
import { parseDuration } from '../../kit/duration.ts'
import { badRequest } from '../../kit/errors.ts'
import { duration, flag, integer, optional, text } from '../../kit/fields.ts'
import { path } from '../../kit/operation.ts'
import { records } from '../../kit/records.ts'
import type { Transaction } from '../../kit/store.ts'

export interface TidyTasks {
  readonly tidy_cert_store: boolean
  readonly tidy_revoked_certs: boolean
  readonly tidy_revoked_cert_issuer_associations: boolean
  readonly tidy_expired_issuers: boolean
  readonly tidy_invalid_certs: boolean
  readonly tidy_move_legacy_ca_bundle: boolean
  readonly tidy_acme: boolean
  /** Seconds after their end until certificates go. */
  readonly safety_buffer: number
  readonly revoked_safety_buffer: number
  readonly issuer_safety_buffer: number
  readonly acme_account_safety_buffer: number
  /** How many certificates go in one step. */
  readonly page_size: number
  /** Between two steps: a duration as it was given. */
  readonly pause_duration: string
}

export interface AutoTidy extends TidyTasks {
  readonly enabled: boolean
  /** Seconds. */
  readonly interval_duration: number
  readonly maintain_stored_certificate_counts: boolean
  readonly publish_stored_certificate_count_metrics: boolean
}

const day = 86_400
export const noTasks: TidyTasks = Object.freeze({
  tidy_cert_store: false, tidy_revoked_certs: false, tidy_revoked_cert_issuer_associations: false, tidy_expired_issuers: false, tidy_invalid_certs: false,
  tidy_move_legacy_ca_bundle: false, tidy_acme: false, safety_buffer: 3 * day, revoked_safety_buffer: 3 * day, issuer_safety_buffer: 365 * day,
  acme_account_safety_buffer: 30 * day, page_size: 1000, pause_duration: '0s',
})
const vaultsDefault: AutoTidy = Object.freeze({
  ...noTasks, enabled: false, interval_duration: day / 2, maintain_stored_certificate_counts: false, publish_stored_certificate_count_metrics: false,
})
/** Until somebody writes another: a mount that nobody looks after does not grow for ever. */
const byDefault: AutoTidy = Object.freeze({ ...vaultsDefault, enabled: true, tidy_cert_store: true, tidy_revoked_certs: true, tidy_acme: true })

const config = records<AutoTidy, []>(() => '.config/auto-tidy')
export const readAutoTidy = async (store: Pick<Transaction, 'get'>): Promise<AutoTidy> => (await config.read(store)) ?? byDefault

export const taskFields = {
  tidy_cert_store: optional(flag('Delete certificates that have ended.')),
  tidy_revocation_list: optional(flag('Older name of tidy_revoked_certs.')),
  tidy_revoked_certs: optional(flag('Take certificates that have ended out of the revocation lists.')),
  tidy_revoked_cert_issuer_associations: optional(flag('Find the issuers of revoked certificates whose issuer was not known.')),
  tidy_expired_issuers: optional(flag('Delete issuers that have ended, but not the default one; keys stay.')),
  tidy_invalid_certs: optional(flag('Delete what is kept as a certificate and is none.')),
  tidy_move_legacy_ca_bundle: optional(flag('Without effect: there is no older form of storage.')),
  tidy_acme: optional(flag('Delete ACME orders and accounts that are over.')),
  safety_buffer: optional(duration('How long after their end certificates are kept.')),
  revoked_safety_buffer: optional(duration('The same for revoked ones; otherwise safety_buffer.')),
  issuer_safety_buffer: optional(duration('How long after their end issuers are kept.')),
  acme_account_safety_buffer: optional(duration('How long ACME accounts without orders are kept, valid and then revoked.')),
  page_size: optional(integer('How many certificates go in one step.')),
  pause_duration: optional(text('Pause between two steps.')),
}

export type TaskInput = Partial<TidyTasks> & { readonly tidy_revocation_list?: boolean }

/** `before` with what the request changes. Throws `bad_request`. */
export function mergeTasks<T extends TidyTasks>(before: T, { tidy_revocation_list: older, ...input }: TaskInput): T {
  const revokedBuffer = input.safety_buffer === undefined ? {} : { revoked_safety_buffer: input.safety_buffer }
  const next = { ...before, ...(older === undefined ? {} : { tidy_revoked_certs: older }), ...revokedBuffer, ...input }
  if (next.page_size < 1 || next.page_size > 10_000) throw badRequest('page_size must be from 1 to 10000')
  try {
    if (parseDuration(next.pause_duration) < 0) throw new Error('cannot be negative')
  } catch (cause) {
    throw badRequest(`Error parsing pause_duration: time: invalid duration ${JSON.stringify(next.pause_duration)}`, { cause })
  }
  return next
}

const names = 'tidy_cert_store / tidy_revoked_certs / tidy_invalid_certs / tidy_revoked_cert_issuer_associations / tidy_expired_issuers / tidy_move_legacy_ca_bundle / tidy_acme'
export const enableAtLeastOne = `Enable at least one tidy operation to be run (${names}).`

export const hasTasks = (tasks: TidyTasks): boolean =>
  tasks.tidy_cert_store || tasks.tidy_revoked_certs || tasks.tidy_revoked_cert_issuer_associations || tasks.tidy_expired_issuers || tasks.tidy_invalid_certs || tasks.tidy_move_legacy_ca_bundle || tasks.tidy_acme

const auto = path('config/auto-tidy')

export const readAutoTidyConfig = auto.read({ summary: 'Show what is tidied by itself.', handle: async ({ store }) => ({ ...(await readAutoTidy(store)) }) })

export const writeAutoTidyConfig = auto.write({
  summary: 'Set what is tidied by itself. The first write begins with everything off, as Vault does.',
  input: {
    ...taskFields,
    enabled: optional(flag('Tidy by itself.')),
    interval_duration: optional(duration('How often.')),
    maintain_stored_certificate_counts: optional(flag('Keep count of the certificates.')),
    publish_stored_certificate_count_metrics: optional(flag('Without effect: counts are shown by tidy-status.')),
  },
  async handle({ input, store }) {
    const next = mergeTasks((await config.read(store)) ?? vaultsDefault, input)
    if (next.safety_buffer < 1) throw badRequest(`given safety_buffer must be at least one second; got: ${next.safety_buffer}`)
    if (next.issuer_safety_buffer < 1) throw badRequest(`given issuer_safety_buffer must be at least one second; got: ${next.issuer_safety_buffer}`)
    if (next.enabled && !hasTasks(next)) throw badRequest(`Auto-tidy enabled but no tidy operations were requested. ${enableAtLeastOne}`)
    if (next.publish_stored_certificate_count_metrics && !next.maintain_stored_certificate_counts) throw badRequest('Can not publish a running storage count metric to metrics without first maintaining that count.  Enable `maintain_stored_certificate_counts` to enable `publish_stored_certificate_count_metrics.')
    config.write(store, next)
    return { ...next }
  },
})
