/** What is looked at in a PKI mount: each check asks the server and says what it found. */
import { X509Certificate } from 'node:crypto'
import type { Api } from '../api.ts'
import { Failure } from '../failure.ts'
import { fieldsOf } from './compare.ts'

export const levels = ['ok', 'not_applicable', 'informational', 'warning', 'critical', 'invalid_version', 'insufficient_permissions'] as const
export type Level = (typeof levels)[number]

export interface Finding {
  readonly status: Level
  readonly endpoint: string
  readonly message: string
}

interface Question {
  readonly api: Api
  readonly mount: string
  /** Milliseconds since 1970. */
  readonly now: number
}

export interface Check {
  readonly name: string
  /** Throws what the server answers. */
  readonly run: (question: Question) => Promise<readonly Finding[]>
}

const day = 86_400_000
const finding = (status: Level, endpoint: string, message: string): Finding => ({ status, endpoint: `/${endpoint}`, message })

async function keysOf(api: Api, path: string): Promise<string[]> {
  const { keys } = fieldsOf((await api.list(path))?.data)
  return Array.isArray(keys) ? keys.map(String) : []
}

const dataOf = async (api: Api, path: string): Promise<Readonly<Record<string, unknown>>> => fieldsOf((await api.read(path))?.data)

/** Exact numbers come as objects with their text. */
const numberOf = (value: unknown): number => Number(String(value))

async function issuersOf({ api, mount }: Question): Promise<(readonly [path: string, certificate: X509Certificate])[]> {
  const ids = await keysOf(api, `${mount}/issuers`)
  return await Promise.all(ids.map(async (id) => [`${mount}/issuer/${id}`, new X509Certificate(String((await dataOf(api, `${mount}/issuer/${id}/json`))['certificate']))] as const))
}

const rolesOf = async ({ api, mount }: Question): Promise<(readonly [path: string, role: Readonly<Record<string, unknown>>])[]> =>
  Promise.all((await keysOf(api, `${mount}/roles`)).map(async (name) => [`${mount}/roles/${name}`, await dataOf(api, `${mount}/roles/${name}`)] as const))

/** Days before the end at which it is told, for roots and for intermediates. */
const endings: readonly (readonly [Level, root: number, intermediate: number])[] = [['critical', 180, 30], ['warning', 365, 60], ['informational', 730, 180]]

const isSelfSigned = (certificate: X509Certificate): boolean => certificate.checkIssued(certificate) && certificate.verify(certificate.publicKey)

const caValidity: Check = {
  name: 'ca_validity_period',
  run: async (question) =>
    (await issuersOf(question)).map(([path, certificate]) => {
      const left = (Date.parse(certificate.validTo) - question.now) / day
      const root = isSelfSigned(certificate)
      const level = endings.find(([, forRoot, forOthers]) => left < (root ? forRoot : forOthers))?.[0] ?? 'ok'
      return finding(level, path, level === 'ok' ? `The certificate is valid until ${certificate.validTo}.` : `The certificate ends at ${certificate.validTo}; make the next issuer in time.`)
    }),
}

const crlValidity: Check = {
  name: 'crl_validity_period',
  async run({ api, mount }) {
    const config = await dataOf(api, `${mount}/config/crl`)
    const path = `${mount}/config/crl`
    if (String(config['disable']) === 'true') return [finding('warning', path, 'Revocation lists are disabled: clients learn of no revocation by them.')]
    return [finding('ok', path, `Revocation lists are good for ${String(config['expiry'])}, and made anew before they end.`)]
  },
}

const flagOf = (role: Readonly<Record<string, unknown>>, name: string): boolean => String(role[name]) === 'true'
const listOf = (role: Readonly<Record<string, unknown>>, name: string): readonly unknown[] => (Array.isArray(role[name]) ? role[name] : [])

/** A check of every role: `judge` gives what is wrong with one, or null. */
const roleCheck = (name: string, good: string, judge: (role: Readonly<Record<string, unknown>>) => readonly [Level, string] | null): Check => ({
  name,
  async run(question) {
    const bad = (await rolesOf(question)).flatMap(([path, role]) => {
      const verdict = judge(role)
      return verdict === null ? [] : [finding(verdict[0], path, verdict[1])]
    })
    return bad.length > 0 ? bad : [finding('ok', `${question.mount}/roles`, good)]
  },
})

const rootLeaves: Check = {
  name: 'root_issued_leaves',
  async run(question) {
    const { api, mount } = question
    const roots = (await issuersOf(question)).filter(([, certificate]) => isSelfSigned(certificate)).map(([, certificate]) => certificate)
    const serials = (await keysOf(api, `${mount}/certs`)).slice(0, 100)
    for (const serial of serials) {
      const pem = (await dataOf(api, `${mount}/cert/${serial}`))['certificate']
      const certificate = typeof pem === 'string' ? new X509Certificate(pem) : null
      if (certificate !== null && !certificate.ca && roots.some((root) => certificate.checkIssued(root))) {
        return [finding('warning', `${mount}/cert/${serial}`, 'A root has issued a certificate that is no CA. With an intermediate in between, the root can rest and be replaced more easily.')]
      }
    }
    return [finding('ok', `${mount}/certs`, `No root has issued one of the ${serials.length} certificates that were looked at, other than CAs.`)]
  },
}

const autoTidy: Check = {
  name: 'enable_auto_tidy',
  async run({ api, mount }) {
    const path = `${mount}/config/auto-tidy`
    const config = await dataOf(api, path)
    if (!flagOf(config, 'enabled')) return [finding('informational', path, 'Nothing is tidied by itself; certificates that ended stay.')]
    return [finding(numberOf(config['interval_duration']) > 7 * 86_400 ? 'warning' : 'ok', path, `Tidied every ${String(config['interval_duration'])} seconds.`)]
  },
}

const tidyLastRun: Check = {
  name: 'tidy_last_run',
  async run({ api, mount, now }) {
    const path = `${mount}/tidy-status`
    const { time_finished: finished } = await dataOf(api, path)
    if (typeof finished !== 'string') return [finding('warning', path, 'It was never tidied.')]
    const days = (now - Date.parse(finished)) / day
    return [finding(days > 7 ? 'critical' : days > 2 ? 'warning' : 'ok', path, `Tidied last at ${finished}.`)]
  },
}

const tooMany: Check = {
  name: 'too_many_certs',
  async run({ api, mount }) {
    const path = `${mount}/certs`
    const { length } = await keysOf(api, path)
    return [finding(length > 250_000 ? 'critical' : length > 50_000 ? 'warning' : 'ok', path, `${length} certificates are kept.`)]
  },
}

const acmeIssuance: Check = {
  name: 'enable_acme_issuance',
  async run({ api, mount }) {
    const path = `${mount}/config/acme`
    const isOn = flagOf(await dataOf(api, path), 'enabled')
    return [finding(isOn ? 'ok' : 'informational', path, isOn ? 'ACME is on.' : 'ACME is off; with it, servers renew their certificates by themselves.')]
  },
}

export const checks: readonly Check[] = Object.freeze([
  acmeIssuance, caValidity, crlValidity, autoTidy,
  roleCheck('role_allows_glob_wildcards', 'No role allows both globs and wildcards.', (role) =>
    flagOf(role, 'allow_glob_domains') && flagOf(role, 'allow_wildcard_certificates') ? ['warning', 'The role allows globs in domains and wildcard certificates: together they may allow more than was meant.'] : null),
  roleCheck('role_allows_localhost', 'No role that is for domains allows localhost.', (role) =>
    flagOf(role, 'allow_localhost') && listOf(role, 'allowed_domains').length > 0 ? ['warning', 'The role is for domains and allows localhost as well; set allow_localhost=false unless that is meant.'] : null),
  roleCheck('role_no_store_false', 'Every role of short-lived certificates keeps none.', (role) =>
    !flagOf(role, 'no_store') && numberOf(role['ttl']) > 0 && numberOf(role['ttl']) <= 3600 ? ['informational', 'Certificates of this role live for an hour at most and are kept all the same; no_store=true saves their room.'] : null),
  rootLeaves, tidyLastRun, tooMany,
])

/** What the server refuses is a finding too. */
export async function runCheck(check: Check, question: Question): Promise<readonly Finding[]> {
  try {
    return await check.run(question)
  } catch (error) {
    if (!(error instanceof Error) || error instanceof Failure) throw error
    return [finding(/permission denied/.test(error.message) ? 'insufficient_permissions' : 'invalid_version', question.mount, error.message.split('\n')[0] ?? '')]
  }
}
