/** How revocation is told: settings of lists and of the OCSP responder. Durations are kept as the texts that they came as. */
import { parseDuration } from '../../kit/duration.ts'
import { badRequest } from '../../kit/errors.ts'
import { flag, optional, text } from '../../kit/fields.ts'
import { path } from '../../kit/operation.ts'
import { records } from '../../kit/records.ts'
import type { Transaction } from '../../kit/store.ts'

export interface RevocationConfig {
  readonly expiry: string
  readonly disable: boolean
  readonly ocsp_disable: boolean
  readonly ocsp_expiry: string
  readonly auto_rebuild: boolean
  readonly auto_rebuild_grace_period: string
  readonly enable_delta: boolean
  readonly delta_rebuild_interval: string
  readonly allow_expired_cert_revocation: boolean
}

const config = records<RevocationConfig, []>(() => '.config/crl')
const defaults: RevocationConfig = Object.freeze({
  expiry: '72h', disable: false, ocsp_disable: false, ocsp_expiry: '12h', auto_rebuild: false, auto_rebuild_grace_period: '12h', enable_delta: false,
  delta_rebuild_interval: '15m', allow_expired_cert_revocation: false,
})

export const readRevocationConfig = async (store: Pick<Transaction, 'get'>): Promise<RevocationConfig> => (await config.read(store)) ?? defaults

/** Milliseconds of a setting that was checked when it was written. */
export const durationMs = (written: string): number => parseDuration(written) * 1000

const durationNames = ['expiry', 'ocsp_expiry', 'auto_rebuild_grace_period', 'delta_rebuild_interval'] as const

/** Throws `bad_request` naming the field. */
function checkConfig(next: RevocationConfig): void {
  for (const name of durationNames) {
    const seconds = secondsOf(name, next[name])
    if (seconds < 0) throw badRequest(`${name} must be greater than or equal to 0 got: ${next[name]}`)
    if (seconds === 0 && name !== 'ocsp_expiry') throw badRequest(`${name} must be greater than 0`)
  }
  const expiry = durationMs(next.expiry)
  if (next.auto_rebuild && durationMs(next.auto_rebuild_grace_period) >= expiry) {
    throw badRequest(`CRL auto-rebuilding grace period (${next.auto_rebuild_grace_period}) must be strictly shorter than CRL expiry (${next.expiry}) value when auto-rebuilding of CRLs is enabled`)
  }
  if (next.enable_delta && durationMs(next.delta_rebuild_interval) >= expiry) {
    throw badRequest(`CRL delta rebuild window (${next.delta_rebuild_interval}) must be strictly shorter than CRL expiry (${next.expiry}) value when delta CRLs are enabled`)
  }
  if (next.enable_delta && !next.auto_rebuild) throw badRequest('Delta CRLs cannot be enabled when auto rebuilding is disabled as the complete CRL is always regenerated!')
}

function secondsOf(name: string, written: string): number {
  try {
    return parseDuration(written)
  } catch (cause) {
    throw badRequest(`given ${name} could not be decoded: time: invalid duration ${JSON.stringify(written)}`, { cause })
  }
}

const crl = path('config/crl')
const fields = {
  expiry: optional(text('How long a revocation list is good for.')),
  disable: optional(flag('Serve empty lists.')),
  ocsp_disable: optional(flag('Answer no OCSP request.')),
  ocsp_expiry: optional(text('How long OCSP responses are good for; 0: until the next one.')),
  auto_rebuild: optional(flag('Renew lists only shortly before they end, instead of after each revocation.')),
  auto_rebuild_grace_period: optional(text('How long before their end lists are renewed.')),
  enable_delta: optional(flag('Tell of what was revoked since the last complete list in delta lists.')),
  delta_rebuild_interval: optional(text('How often delta lists are renewed.')),
  allow_expired_cert_revocation: optional(flag('Let certificates be revoked that have ended.')),
}

export const readCrlConfig = crl.read({
  summary: 'Show how revocation is told.',
  output: fields,
  handle: async ({ store }) => ({ ...(await readRevocationConfig(store)) }),
})

export const writeCrlConfig = crl.write({
  summary: 'Set how revocation is told.',
  input: fields,
  output: fields,
  async handle({ input, store }) {
    const next = { ...(await readRevocationConfig(store)), ...input }
    checkConfig(next)
    config.write(store, next)
    return next
  },
})
