/** The issuers: list, show, change, revoke, delete, and which one is the default. */
import { findAlgorithm, signatureAlgorithms } from '../../crypto/x509/algorithms.ts'
import { badRequest } from '../../kit/errors.ts'
import { defaulted, flag, list, optional, parseFields, text, type ValuesOf } from '../../kit/fields.ts'
import type { Json, JsonObject } from '../../kit/json.ts'
import { path, type Call } from '../../kit/operation.ts'
import { listed, reply, type Data, type Result } from '../../kit/result.ts'
import type { Transaction } from '../../kit/store.ts'
import { formatTime } from '../../kit/time.ts'
import { chainOf, findIssuerEntry, readIssuer, resolveIssuerEntry, resolveKeyEntry, usages } from './authority.ts'
import { issuerRef } from './issue.ts'
import { isRoot } from './make.ts'
import { paged } from './pages.ts'
import { issuerOf, issuers, readIndex, writeIndex, type AiaUrls, type IssuerEntry, type IssuerRecord } from './records.ts'
import { checkIssuerName, findIssuerOf, rebuildChains, removeIssuer } from './registry.ts'
import { pageFields } from './request-fields.ts'
import { revokeCertificate } from './revoke.ts'
import { checkUrls, noUrls, readCluster, templateWarnings } from './urls.ts'

export const listIssuers = path('issuers').list({
  summary: 'List the issuers.',
  access: 'public',
  input: pageFields,
  async handle({ input, store }) {
    const index = await readIndex(store)
    const info = new Map(index.issuers.map((issuer) => [issuer.id, { issuer_name: issuer.name, is_default: issuer.id === index.defaultIssuer, key_id: issuer.keyId, serial_number: issuer.serial }]))
    const ids = paged([...info.keys()], input)
    return listed(ids, Object.fromEntries(ids.map((id) => [id, info.get(id)])))
  },
})

const issuer = path('issuer/{issuer_ref}', { issuer_ref: issuerRef })

const changeable = {
  issuer_name: defaulted(text('Name of the issuer.'), ''),
  leaf_not_after_behavior: defaulted(text('What to do with certificates that would outlive the issuer: err, truncate or permit.'), 'err'),
  usage: defaulted(list('What the issuer may do.'), [...usages]),
  manual_chain: optional(list('Names or ids of the issuers in the chain, itself first; otherwise it is found.')),
  revocation_signature_algorithm: defaulted(text('Algorithm for lists and OCSP responses of an RSA key; otherwise the usual one.'), ''),
  issuing_certificates: defaulted(list('URLs of its certificate, in place of those of the mount.'), []),
  crl_distribution_points: defaulted(list('URLs of its revocation list.'), []),
  delta_crl_distribution_points: defaulted(list('URLs of its delta list.'), []),
  ocsp_servers: defaulted(list('URLs of OCSP responders.'), []),
  enable_aia_url_templating: defaulted(flag('Fill templates in these URLs.'), false),
}
type Change = ValuesOf<typeof changeable>

const orNull = (urls: readonly string[]): readonly string[] | null => (urls.length === 0 ? null : urls)

function shownUrls(urls: AiaUrls | null): Data {
  if (urls === null) return { issuing_certificates: [], crl_distribution_points: [], delta_crl_distribution_points: [], ocsp_servers: [] }
  return {
    issuing_certificates: orNull(urls.issuing_certificates), crl_distribution_points: orNull(urls.crl_distribution_points),
    delta_crl_distribution_points: orNull(urls.delta_crl_distribution_points), ocsp_servers: orNull(urls.ocsp_servers), enable_aia_url_templating: urls.enable_templating,
  }
}

async function shown(store: Transaction, entry: IssuerEntry): Promise<Data> {
  const found = await readIssuer(store, entry.id)
  const { record } = found
  return {
    issuer_id: entry.id,
    issuer_name: entry.name,
    key_id: entry.keyId,
    certificate: `${found.pem}\n`,
    manual_chain: record.manualChain,
    ca_chain: (await chainOf(store, found)).map(({ pem }) => `${pem}\n`),
    leaf_not_after_behavior: record.leafNotAfter,
    usage: record.usage.join(','),
    revocation_signature_algorithm: record.revocationAlgorithm,
    revoked: record.revokedAt !== null,
    ...(record.revokedAt === null ? {} : { revocation_time: record.revokedAt / 1000, revocation_time_rfc3339: formatTime(record.revokedAt) }),
    ...shownUrls(record.urls),
  }
}

const readIssuerOp = issuer.read({
  summary: 'Show an issuer.',
  handle: async ({ params, store }) => shown(store, resolveIssuerEntry(await readIndex(store), params.issuer_ref)),
})

async function change(store: Transaction, ref: string, given: Change): Promise<Result> {
  const index = await readIndex(store)
  const entry = resolveIssuerEntry(index, ref)
  checkIssuerName(index, given.issuer_name, entry.id)
  const { record } = await readIssuer(store, entry.id)
  const usage = usageOf(given.usage, record)
  const manualChain = given.manual_chain === undefined || given.manual_chain.length === 0 ? null : given.manual_chain.map((one) => resolveIssuerEntry(index, one).id)
  if (manualChain !== null && manualChain[0] !== entry.id) throw badRequest('manual_chain must begin with the issuer itself')
  const urls = urlsOf(given)
  const next: IssuerRecord = { ...record, usage, manualChain, urls, leafNotAfter: behaviorOf(given.leaf_not_after_behavior), revocationAlgorithm: algorithmName(given.revocation_signature_algorithm) }
  const renamed = { ...entry, name: given.issuer_name }
  issuers.write(store, next, entry.id)
  writeIndex(store, { ...index, issuers: index.issuers.map((one) => (one.id === entry.id ? renamed : one)) })
  if (String(manualChain) !== String(record.manualChain)) await rebuildChains(store)
  return reply({ data: await shown(store, renamed), warnings: urls?.enable_templating === true ? templateWarnings(urls, await readCluster(store)) : [] })
}

function urlsOf(given: Change): AiaUrls | null {
  const { issuing_certificates, crl_distribution_points, delta_crl_distribution_points, ocsp_servers } = given
  const urls: AiaUrls = { issuing_certificates, crl_distribution_points, delta_crl_distribution_points, ocsp_servers, enable_templating: given.enable_aia_url_templating }
  if (JSON.stringify(urls) === JSON.stringify(noUrls)) return null
  checkUrls(urls)
  return urls
}

function usageOf(given: readonly string[], record: IssuerRecord): readonly string[] {
  const known: readonly string[] = usages
  if (given.some((name) => !known.includes(name))) throw badRequest(`Unable to parse specified usages: [${given.join(' ')}] - valid values are ${[...usages].sort().join(',')}`)
  const usage = [...new Set([...given, 'read-only'])].sort()
  if (record.revokedAt !== null && usage.includes('issuing-certificates')) {
    throw badRequest('This issuer was revoked; unable to modify its usage to include certificate signing again. Reissue this certificate (preferably with a new key) and modify that entry instead.')
  }
  return usage
}

function behaviorOf(written: string): string {
  if (written === 'err' || written === 'truncate' || written === 'permit') return written
  throw badRequest('Unknown value for field `leaf_not_after_behavior`. Possible values are `err`, `truncate`, and `permit`.')
}

function algorithmName(written: string): string {
  if (written === '') return ''
  const found = findAlgorithm(written) ?? signatureAlgorithms.find(({ name }) => name.toLowerCase() === written.toLowerCase())
  if (found === undefined || found === null) throw badRequest(`Unknown signature algorithm value: ${written} - valid values are ${signatureAlgorithms.map(({ name }) => name).join(', ')}`)
  return found.name
}

const writeIssuer = issuer.write({
  summary: 'Set what an issuer is called and may do; what is not named goes back to its default.',
  input: changeable,
  handle: async ({ params, input, store }) => change(store, params.issuer_ref, input),
})

const patchIssuer = issuer.patch({
  summary: 'Change single fields of an issuer.',
  input: Object.fromEntries(Object.entries(changeable).map(([name, field]) => [name, { ...field, required: false, fallback: undefined }])),
  async handle({ params, body, store }) {
    const entry = resolveIssuerEntry(await readIndex(store), params.issuer_ref)
    const { record } = await readIssuer(store, entry.id)
    const before: Record<string, Json> = {
      issuer_name: entry.name, leaf_not_after_behavior: record.leafNotAfter, usage: [...record.usage], revocation_signature_algorithm: record.revocationAlgorithm,
      ...(record.manualChain === null ? {} : { manual_chain: [...record.manualChain] }), ...patchableUrls(record.urls),
    }
    for (const [name, value] of Object.entries(body ?? {})) {
      if (value === null) delete before[name]
      else before[name] = value
    }
    return await change(store, entry.id, parseFields(changeable, before as JsonObject).values)
  },
})

const patchableUrls = (urls: AiaUrls | null): Record<string, Json> => {
  if (urls === null) return {}
  const { enable_templating, ...lists } = urls
  return { ...Object.fromEntries(Object.entries(lists).map(([name, value]) => [name, [...(value as readonly string[])]])), enable_aia_url_templating: enable_templating }
}

export const deleteIssuer = issuer.delete({
  summary: 'Delete an issuer. Its key stays.',
  async handle({ params, store }) {
    const index = await readIndex(store)
    const entry = findIssuerEntry(index, params.issuer_ref)
    if (entry === null) return reply({ status: 200 })
    await removeIssuer(store, entry.id)
    const isDefault = entry.id === index.defaultIssuer
    return reply({ status: 200, warnings: isDefault ? [`Deleted issuer ${entry.id} (via issuer_ref ${params.issuer_ref}); this was configured as the default issuer. Operations without an explicit issuer will not work until a new default is configured.`] : [] })
  },
})

const selfRevocation = "This issuer is a self-signed (potentially root) certificate. This means it may not be considered revoked if there is not an external, cross-signed variant of this certificate. This issuer's serial number will not appear on its own CRL."
const noParent = "This issuer lacks another parent issuer within the mount. This means it will not appear on any other CRLs and may not be considered revoked by clients. Consider adding this issuer to its issuer's CRL as well if it is not self-signed."

async function revokeIssuer({ store, now }: Pick<Call<unknown, unknown>, 'store' | 'now'>, ref: string): Promise<Result> {
  const entry = resolveIssuerEntry(await readIndex(store), ref)
  const { record, certificate } = await readIssuer(store, entry.id)
  if (record.revokedAt !== null) return shown(store, entry)
  const usage = record.usage.filter((name) => name !== 'issuing-certificates')
  const next: IssuerRecord = { ...record, usage, revokedAt: Math.floor(now / 1000) * 1000 }
  issuers.write(store, next, entry.id)
  const isSelf = isRoot(issuerOf(record))
  const parent = isSelf ? null : await findIssuerOf(store, certificate)
  if (parent !== null) await revokeCertificate({ store, now }, certificate)
  return reply({ data: await shown(store, entry), warnings: [...(isSelf ? [selfRevocation] : []), ...(parent === null ? [noParent] : [])] })
}

const revokeIssuerOp = path('issuer/{issuer_ref}/revoke', { issuer_ref: issuerRef }).write({
  summary: 'Revoke an issuer: it signs no certificates any more, and stands in the list of the issuer above it.',
  access: 'sudo',
  handle: (call) => revokeIssuer(call, call.params.issuer_ref),
})

const configIssuers = path('config/issuers')
const configOutput = { default: text('Id of the default issuer.'), default_follows_latest_issuer: flag('Whether each new issuer becomes the default.') }
const shownConfig = ({ defaultIssuer, followsLatest }: { readonly defaultIssuer: string; readonly followsLatest: boolean }) => ({ default: defaultIssuer, default_follows_latest_issuer: followsLatest })

const readIssuersConfig = configIssuers.read({ summary: 'Show which issuer is the default.', output: configOutput, handle: async ({ store }) => shownConfig(await readIndex(store)) })

async function setDefault(store: Transaction, ref: string, follows: boolean | undefined): Promise<Result> {
  const index = await readIndex(store)
  if (ref === '' || ref === 'default') throw badRequest("Invalid issuer specification; must be non-empty and can't be 'default'.")
  const entry = findIssuerEntry(index, ref)
  if (entry === null) throw badRequest(`Error resolving issuer reference: unable to find PKI issuer for reference: ${ref}`)
  const next = { ...index, defaultIssuer: entry.id, followsLatest: follows ?? index.followsLatest }
  writeIndex(store, next)
  return reply({ data: shownConfig(next), warnings: entry.keyId === '' ? ["This selected default issuer has no key associated with it. Some operations like issuing certificates and signing CRLs will be unavailable with the requested default issuer until a key is imported or the default issuer is changed."] : [] })
}

const writeIssuersConfig = configIssuers.write({
  summary: 'Set which issuer is the default.',
  input: { default: defaulted(text('Name or id of the issuer.'), ''), default_follows_latest_issuer: optional(flag('Whether each new issuer becomes the default.')) },
  output: configOutput,
  handle: ({ input, store }) => setDefault(store, input.default, input.default_follows_latest_issuer),
})

const replaceRoot = path('root/replace').write({
  summary: 'Make an issuer the default, without a field the one called "next".',
  input: { default: defaulted(text('Name or id of the issuer.'), 'next') },
  output: configOutput,
  handle: ({ input, store }) => setDefault(store, input.default, undefined),
})

const configKeys = path('config/keys')

export const readKeysConfig = configKeys.read({ summary: 'Show which key is the default.', handle: async ({ store }) => ({ default: (await readIndex(store)).defaultKey }) })

const writeKeysConfig = configKeys.write({
  summary: 'Set which key is the default.',
  input: { default: defaulted(text('Name or id of the key.'), '') },
  async handle({ input, store }) {
    const index = await readIndex(store)
    if (input.default === '' || input.default === 'default') throw badRequest("Invalid key specification; must be non-empty and can't be 'default'.")
    const entry = resolveReference(() => resolveKeyEntry(index, input.default))
    writeIndex(store, { ...index, defaultKey: entry.id })
    return { default: entry.id }
  },
})

function resolveReference<T>(resolve: () => T): T {
  try {
    return resolve()
  } catch (cause) {
    throw badRequest(`Error resolving issuer reference: ${cause instanceof Error ? cause.message : ''}`, { cause })
  }
}

export const issuerOperations = [
  listIssuers, readIssuerOp, writeIssuer, patchIssuer, deleteIssuer, revokeIssuerOp, readIssuersConfig, writeIssuersConfig, replaceRoot, readKeysConfig, writeKeysConfig,
]
