/** `config` and `check`: how the cluster is reached. */
import { X509Certificate } from 'node:crypto'
import { badRequest } from '../../kit/errors.ts'
import { flag, optional, secret, text } from '../../kit/fields.ts'
import { path } from '../../kit/operation.ts'
import { reply } from '../../kit/result.ts'
import type { Transaction } from '../../kit/store.ts'
import { parseBaseUrl } from '../outbound/http.ts'
import { clusterOf } from './cluster.ts'
import { configs, type Config } from './records.ts'

/** Throws `bad_request` with Vault's words. */
export async function resolveConfig(store: Transaction): Promise<Config> {
  const found = await configs.read(store)
  if (found === null) throw badRequest('could not load backend configuration')
  if (found.jwt === '') throw badRequest('service_account_jwt is not configured')
  return found
}

const config = path('config')

const write = config.write({
  summary: 'Configure how the cluster is reached.',
  description: 'What is left out stays as it was.',
  input: {
    kubernetes_host: optional(text('Where its API is, as `https://10.0.0.1:6443`.')),
    kubernetes_ca_cert: optional(text('Certificates of the authorities to trust, in PEM.')),
    service_account_jwt: optional(secret(text('Token of a service account that may create tokens, and what roles need.'))),
    disable_local_ca_jwt: optional(flag('Kept for clients that send it: the token and the authority of a pod are never read.')),
  },
  exists: async ({ store }) => (await configs.read(store)) !== null,
  async handle({ input, store }) {
    const before = await configs.read(store)
    const host = input.kubernetes_host ?? before?.host ?? ''
    if (host === '') throw badRequest('kubernetes_host was unset')
    parseBaseUrl(host, 'kubernetes_host')
    const ca = input.kubernetes_ca_cert ?? before?.ca ?? ''
    try {
      if (ca !== '') new X509Certificate(ca)
    } catch (cause) {
      throw badRequest('kubernetes_ca_cert is no certificate in PEM', { cause })
    }
    configs.write(store, { host, ca, jwt: input.service_account_jwt ?? before?.jwt ?? '', disableLocal: input.disable_local_ca_jwt ?? before?.disableLocal ?? false })
    return null
  },
})

const read = config.read({
  summary: 'Show the configuration, without its token.',
  async handle({ store }) {
    const found = await configs.read(store)
    return found === null ? null : { kubernetes_host: found.host, kubernetes_ca_cert: found.ca, disable_local_ca_jwt: found.disableLocal }
  },
})

const remove = config.delete({
  summary: 'Forget the configuration. Roles and leases stay.',
  handle({ store }) {
    configs.remove(store)
    return null
  },
})

const check = path('check').read({
  summary: 'Ask the cluster for its version, with the token that is configured.',
  async handle({ store }) {
    await clusterOf(await resolveConfig(store), new AbortController().signal).check()
    return reply({ status: 204 })
  },
})

export const configOperations = [read, write, remove, check]
