/** `sys/quotas/lease-count`: how many leases, and tokens that have one, may be alive at once. */
import { opaqueStore } from '../../core/base.ts'
import { changeLeaseQuota, readLeaseCount, readLeaseQuotas, resumeRecounts } from '../../core/leases/quotas.ts'
import { badRequest } from '../../kit/errors.ts'
import { defaulted, flag, integer, optional, text } from '../../kit/fields.ts'
import { listed } from '../../kit/result.ts'
import { systemPath, type SystemCall } from '../call.ts'
import { quotaPath, quotaPathOf, quotaRole } from './quota-place.ts'

const quotasMax = 1_000
const one = systemPath('quotas/lease-count/{name}', { name: text('Name of the quota.') })

/** Counting the leases that are there already comes before the answer; should it fail, it is gone on with later. */
const countAfterwards = ({ core, afterCommit }: SystemCall & { readonly afterCommit: (work: () => Promise<void>) => void }): void =>
  afterCommit(async () => {
    await resumeRecounts(core).catch(() => core.host.log('warn', 'quotas', 'the leases of a quota could not be counted yet'))
  })

export const leaseQuotaOperations = [
  systemPath('quotas/lease-count').list({
    summary: 'List the lease count quotas.',
    handle: async ({ core }) => listed((await readLeaseQuotas(opaqueStore(core))).map(({ name }) => name).sort()),
  }),
  one.read({
    summary: 'Show a lease count quota, and how many leases it counts.',
    async handle({ core, params }) {
      const found = (await readLeaseQuotas(opaqueStore(core))).find(({ name }) => name === params.name)
      if (found === undefined) return null
      const { id, name, path, role, maxLeases, inheritable } = found
      return { counter: await readLeaseCount(opaqueStore(core), id), inheritable, max_leases: maxLeases, name, path, role, type: 'lease-count' }
    },
  }),
  one.write({
    summary: 'Create or replace a lease count quota.',
    description:
      'No more leases are made than this, by logins or by secrets engines. The most precise quota counts a lease: one of its role, else that with the ' +
      'longest path. Root tokens, batch tokens and tokens of wrapped answers are not counted.',
    input: {
      max_leases: optional(integer('How many leases there may be at once.')),
      path: quotaPath,
      role: quotaRole,
      inheritable: defaulted(flag('Whether it holds in namespaces below.'), false),
      type: defaulted(text('Accepted for old clients.'), ''),
    },
    async handle(call) {
      const { core, unit, params, input } = call
      if (input.max_leases === undefined || input.max_leases < 1) throw badRequest("'max_leases' is invalid")
      const path = await quotaPathOf(core, input.path, input.role)
      const opaque = unit.on(opaqueStore(core))
      const others = (await readLeaseQuotas(opaque)).filter(({ name }) => name !== params.name)
      const same = others.find((other) => other.path === path && other.role === input.role)
      if (same !== undefined) throw badRequest(`quota rule with similar properties exists under the name ${JSON.stringify(same.name)}`)
      if (others.length >= quotasMax) throw badRequest(`there may be ${quotasMax} lease count quotas at most`)
      const quota = { name: params.name, path, role: input.role, maxLeases: input.max_leases, inheritable: input.inheritable || path === '' }
      await changeLeaseQuota(core, opaque, params.name, quota)
      countAfterwards(call)
      return null
    },
  }),
  one.delete({
    summary: 'Delete a lease count quota.',
    async handle(call) {
      await changeLeaseQuota(call.core, call.unit.on(opaqueStore(call.core)), call.params.name, null)
      countAfterwards(call)
      return null
    },
  }),
]
