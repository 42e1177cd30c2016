/** Where clients find the issuer's certificate, its revocation lists and its OCSP responder: configured for the mount or for one issuer. */
import { badRequest } from '../../kit/errors.ts'
import { defaulted, flag, list, optional, text } from '../../kit/fields.ts'
import { path } from '../../kit/operation.ts'
import { records } from '../../kit/records.ts'
import { reply } from '../../kit/result.ts'
import type { Transaction } from '../../kit/store.ts'
import type { AiaUrls, Issuer } from './records.ts'

const stored = records<AiaUrls, []>(() => '.config/urls')
export interface ClusterConfig {
  readonly path: string
  readonly aia_path: string
}
const cluster = records<ClusterConfig, []>(() => '.config/cluster')

export const noUrls: AiaUrls = Object.freeze({ issuing_certificates: [], crl_distribution_points: [], delta_crl_distribution_points: [], ocsp_servers: [], enable_templating: false })
const noCluster: ClusterConfig = Object.freeze({ path: '', aia_path: '' })

type Reader = Pick<Transaction, 'get'>
const readUrls = async (store: Reader): Promise<AiaUrls> => (await stored.read(store)) ?? noUrls
export const readCluster = async (store: Reader): Promise<ClusterConfig> => (await cluster.read(store)) ?? noCluster

const isWebAddress = (written: string): boolean => /^[a-z][a-z0-9+.-]*:\/\//i.test(written) && /^[\x21-\x7e]+$/.test(written) && URL.canParse(written)

const listNames = ['issuing_certificates', 'crl_distribution_points', 'delta_crl_distribution_points', 'ocsp_servers'] as const

/** Throws `bad_request` naming the field. Templates are judged when they are filled in. */
export function checkUrls(urls: AiaUrls): void {
  if (urls.enable_templating) return
  for (const name of listNames) {
    const bad = urls[name].find((url) => !isWebAddress(url))
    if (bad !== undefined) throw badRequest(`invalid URL found in Authority Information Access (AIA) parameter ${name}: ${bad}`)
  }
}

/** What a certificate below this issuer says. Throws `bad_request` where a template cannot be filled in. */
export async function urlsFor(store: Reader, issuer: Pick<Issuer, 'record'> | null): Promise<AiaUrls> {
  const urls = issuer?.record.urls ?? (await readUrls(store))
  if (!urls.enable_templating) return urls
  return fillUrls(urls, await readCluster(store), issuer?.record.id ?? '')
}

function fillUrls(urls: AiaUrls, { path: clusterPath, aia_path: aiaPath }: ClusterConfig, issuerId: string): AiaUrls {
  const values: Readonly<Record<string, string>> = { cluster_path: clusterPath, cluster_aia_path: aiaPath, issuer_id: issuerId }
  const fill = (name: string) => (written: string): string => {
    const filled = written.replaceAll(/\{\{\s*(\w+)\s*\}\}/g, (whole, key: string) => {
      const value = Object.hasOwn(values, key) ? values[key] : undefined
      if (value === '') throw badRequest(`unable to template AIA URLs as we lack ${key === 'issuer_id' ? 'an issuer' : `local cluster address information (${key === 'cluster_path' ? 'path' : 'aia_path'})`}`)
      return value ?? whole
    })
    if (!isWebAddress(filled)) throw badRequest(`error validating templated ${name}; invalid URI: ${filled}`)
    return filled
  }
  const lists = Object.fromEntries(listNames.map((name) => [name, urls[name].map(fill(name))]))
  return { ...(lists as unknown as AiaUrls), enable_templating: true }
}

const urlsPath = path('config/urls')
const urlsOutput = {
  issuing_certificates: list('URLs of the issuer’s certificate.'),
  crl_distribution_points: list('URLs of its revocation list.'),
  delta_crl_distribution_points: list('URLs of its delta list.'),
  ocsp_servers: list('URLs of OCSP responders.'),
  enable_templating: flag('Whether {{issuer_id}}, {{cluster_path}} and {{cluster_aia_path}} are filled in.'),
}

export const readUrlsConfig = urlsPath.read({
  summary: 'Show which URLs certificates name.',
  output: urlsOutput,
  handle: async ({ store }) => ({ ...(await readUrls(store)) }),
})

export const writeUrlsConfig = urlsPath.write({
  summary: 'Set which URLs certificates name.',
  input: {
    issuing_certificates: optional(urlsOutput.issuing_certificates),
    crl_distribution_points: optional(urlsOutput.crl_distribution_points),
    delta_crl_distribution_points: optional(urlsOutput.delta_crl_distribution_points),
    ocsp_servers: optional(urlsOutput.ocsp_servers),
    enable_templating: optional(urlsOutput.enable_templating),
  },
  output: urlsOutput,
  async handle({ input, store }) {
    const before = await readUrls(store)
    const urls: AiaUrls = { ...before, ...input }
    checkUrls(urls)
    stored.write(store, urls)
    return reply({ data: { ...urls }, warnings: urls.enable_templating ? templateWarnings(urls, await readCluster(store)) : [] })
  },
})

/** Templates may be written before what fills them is: that is said, not refused. */
export function templateWarnings(urls: AiaUrls, config: ClusterConfig): string[] {
  try {
    fillUrls(urls, config, '00000000-0000-4000-8000-000000000000')
    return []
  } catch (error) {
    const reason = error instanceof Error ? error.message : 'unusable template'
    return [`issuance may fail: ${reason}\n\nConsider setting the cluster-local address if it is not already set.`]
  }
}

const clusterPathOp = path('config/cluster')
const clusterFields = {
  path: defaulted(text('Canonical URL of this mount, as clients reach it: https://host/v1/pki.'), ''),
  aia_path: defaulted(text('URL under which certificates and lists are fetched, where that is another one.'), ''),
}

export const readClusterConfig = clusterPathOp.read({
  summary: 'Show under which URLs this mount is reached.',
  output: clusterFields,
  handle: async ({ store }) => ({ ...(await readCluster(store)) }),
})

export const writeClusterConfig = clusterPathOp.write({
  summary: 'Set under which URLs this mount is reached.',
  input: { path: optional(clusterFields.path), aia_path: optional(clusterFields.aia_path) },
  output: clusterFields,
  async handle({ input, store }) {
    const config = { ...(await readCluster(store)), ...input }
    if (config.path !== '' && !isWebAddress(config.path)) throw badRequest(`invalid, non-URL path given to cluster: ${config.path}`)
    if (config.aia_path !== '' && !isWebAddress(config.aia_path)) throw badRequest(`invalid, non-URL aia_path given to cluster: ${config.aia_path}`)
    cluster.write(store, config)
    return config
  },
})
