/** `sys/quotas`: rate limits, and what holds for them all. */
import { namedStore, opaqueStore } from '../../core/base.ts'
import type { Core } from '../../core/core.ts'
import { bumpGeneration } from '../../core/generation.ts'
import { defaultQuotaConfig, quotaConfigs, rateLimits } from '../../core/quotas.ts'
import { badRequest } from '../../kit/errors.ts'
import { anything, defaulted, duration, flag, list, optional, text } from '../../kit/fields.ts'
import { JsonNumber, type Json } from '../../kit/json.ts'
import { listed } from '../../kit/result.ts'
import { systemPath } from '../call.ts'
import { leaseQuotaOperations } from './lease-quotas.ts'
import { quotaPath, quotaPathOf, quotaRole } from './quota-place.ts'

function rateOf(raw: Json): number {
  const rate = raw instanceof JsonNumber ? Number(raw.text) : typeof raw === 'string' && raw.trim() !== '' ? Number(raw) : raw
  if (typeof rate !== 'number' || !Number.isFinite(rate) || rate <= 0) throw badRequest("'rate' is invalid")
  return rate
}

const folder = 'quotas/rate-limit/'
const namesOf = async (core: Core): Promise<string[]> => (await namedStore(core).list(folder)).map(decodeURIComponent)

async function checkUnique(core: Core, name: string, path: string, role: string): Promise<void> {
  for (const other of await namesOf(core)) {
    const found = other === name ? null : await rateLimits.read(namedStore(core), other)
    if (found !== null && found.path === path && found.role === role) throw badRequest(`quota rule with similar properties exists under the name ${JSON.stringify(other)}`)
  }
}

const one = systemPath('quotas/rate-limit/{name}', { name: text('Name of the limit.') })

const limits = [
  systemPath('quotas/rate-limit').list({ summary: 'List the rate limits.', handle: async ({ core }) => listed(await namesOf(core)) }),
  one.read({
    summary: 'Show a rate limit.',
    async handle({ core, params }) {
      const found = await rateLimits.read(namedStore(core), params.name)
      if (found === null) return null
      const { name, path, role, rate, interval, blockInterval, inheritable } = found
      return { block_interval: blockInterval, inheritable, interval, name, path, rate, role, type: 'rate-limit' }
    },
  }),
  one.write({
    summary: 'Create or replace a rate limit.',
    input: {
      rate: optional(anything('Requests per interval and client address.')),
      interval: defaulted(duration('Over which they are counted.'), 1),
      block_interval: defaulted(duration('For how long a client that exceeded the limit is refused.'), 0),
      path: quotaPath,
      role: quotaRole,
      inheritable: defaulted(flag('Whether it holds in namespaces below.'), false),
      type: defaulted(text('Accepted for old clients.'), ''),
    },
    async handle({ core, unit, params, input }) {
      const rate = rateOf((input.rate ?? null) as Json)
      const path = await quotaPathOf(core, input.path, input.role)
      await checkUnique(core, params.name, path, input.role)
      const limit = { name: params.name, path, role: input.role, rate, interval: input.interval || 1, blockInterval: input.block_interval, inheritable: input.inheritable || path === '' }
      rateLimits.write(unit.on(namedStore(core)), limit, params.name)
      bumpGeneration(unit.on(opaqueStore(core)))
      return null
    },
  }),
  one.delete({
    summary: 'Delete a rate limit.',
    handle({ core, unit, params }) {
      rateLimits.remove(unit.on(namedStore(core)), params.name)
      bumpGeneration(unit.on(opaqueStore(core)))
      return null
    },
  }),
]

const config = systemPath('quotas/config')

const configuration = [
  config.read({
    summary: 'Show what holds for all limits.',
    async handle({ core }) {
      const found = (await quotaConfigs.read(namedStore(core))) ?? defaultQuotaConfig
      return { enable_rate_limit_audit_logging: found.auditRefusals, enable_rate_limit_response_headers: found.responseHeaders, rate_limit_exempt_paths: found.exemptPaths }
    },
  }),
  config.write({
    summary: 'Change what holds for all limits.',
    input: {
      enable_rate_limit_audit_logging: defaulted(flag('Write refusals into the audit log.'), false),
      enable_rate_limit_response_headers: defaulted(flag('Tell clients in headers what is left.'), false),
      rate_limit_exempt_paths: optional(list('Paths that no limit holds for.')),
    },
    async handle({ core, unit, input }) {
      const named = unit.on(namedStore(core))
      const before = (await quotaConfigs.read(named)) ?? defaultQuotaConfig
      quotaConfigs.write(named, {
        auditRefusals: input.enable_rate_limit_audit_logging,
        responseHeaders: input.enable_rate_limit_response_headers,
        exemptPaths: input.rate_limit_exempt_paths ?? before.exemptPaths,
      })
      bumpGeneration(unit.on(opaqueStore(core)))
      return null
    },
  }),
]

export const quotaOperations = [...limits, ...configuration, ...leaseQuotaOperations]
