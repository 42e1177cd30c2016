/** `sys/leases`: looking leases up, listing, renewing and revoking them, one by one or by prefix. */
import { opaqueStore } from '../../core/base.ts'
import type { Core } from '../../core/core.ts'
import { listFolder } from '../../core/leases/folders.ts'
import { countIrrevocable, countLeases, listIrrevocable } from '../../core/leases/count.ts'
import { leaseRecords, placeOf, type LeaseRecord, type SecretLease } from '../../core/leases/record.ts'
import { renewLease } from '../../core/leases/renew.ts'
import { revokeOne, revokeUnder } from '../../core/leases/revoke-under.ts'
import { beginRevocation, listTasks } from '../../core/leases/tasks.ts'
import { findTokenByHash } from '../../core/tokens/find.ts'
import { badRequest } from '../../kit/errors.ts'
import { defaulted, duration, flag, integer, text } from '../../kit/fields.ts'
import { also } from '../../kit/operation.ts'
import { listed, reply, type Data, type Result } from '../../kit/result.ts'
import { formatTime } from '../../kit/time.ts'
import { systemPath } from '../call.ts'
import { tidyOperations } from '../token/tidy.ts'

const leaseId = { lease_id: defaulted(text('Id of the lease.'), '') }
const url = { lease_id: text('Id of the lease.') }

function checkId(id: string): string {
  if (id === '') throw badRequest('lease_id must be specified')
  return id.replace(/^\/+/, '')
}

async function readLease(core: Core, id: string): Promise<LeaseRecord | null> {
  const place = placeOf(core, id)
  if (place.suffix === '') return null
  return await leaseRecords.read(opaqueStore(core), place.folder, place.suffix)
}

interface Times {
  readonly issuedAt: number
  readonly expiresAt: number
  readonly lastRenewalAt: number
  readonly renewable: boolean
}

async function timesOf(core: Core, lease: LeaseRecord): Promise<Times | null> {
  return lease.secret ?? (await findTokenByHash(core, lease.tokenHash))
}

const lookup = systemPath('leases/lookup').write({
  summary: 'Show a lease.',
  input: leaseId,
  async handle({ core, input }): Promise<Data> {
    const id = checkId(input.lease_id)
    const lease = await readLease(core, id)
    const times = lease === null ? null : await timesOf(core, lease)
    if (lease === null || times === null) throw badRequest('invalid lease')
    return {
      expire_time: times.expiresAt === 0 ? null : formatTime(times.expiresAt),
      id,
      issue_time: formatTime(times.issuedAt),
      last_renewal: times.lastRenewalAt === 0 ? null : formatTime(times.lastRenewalAt),
      renewable: times.renewable,
      ttl: times.expiresAt === 0 ? 0 : Math.max(0, Math.floor((times.expiresAt - core.host.now()) / 1000)),
      ...(lease.secret === null ? {} : stateOf(lease.secret)),
    }
  },
})

/** What keeps a lease from being an ordinary one, and what will become of it. */
function stateOf({ failure, failures, irrevocable, intent, expiresAt }: SecretLease): Data {
  if (intent !== undefined) return { state: 'pending' }
  if (failure === '') return {}
  return { revoke_error: failure, irrevocable, revoke_attempts: failures, next_revoke_attempt: irrevocable ? null : formatTime(expiresAt) }
}

const listLeases = systemPath('leases/lookup/{prefix*}', { prefix: defaulted(text('Folder of leases.'), '') }).list({
  summary: 'List the leases in a folder.',
  access: 'sudo',
  input: { after: defaulted(text('Only those after this one.'), ''), limit: defaulted(integer('At most so many; 0 or less: all.'), 0) },
  async handle({ core, params, input }) {
    const folder = params.prefix === '' ? '' : `${params.prefix.replace(/\/+$/, '')}/`
    return listed(await listFolder(core, folder, { after: input.after, ...(input.limit > 0 ? { limit: input.limit } : {}) }))
  },
})

const renew = systemPath('leases/renew').write({
  summary: 'Renew the lease of a secret.',
  input: { ...leaseId, increment: defaulted(duration('For how long, from now; 0: as the secret has it.'), 0) },
  async handle({ core, unit, input }): Promise<Result> {
    const id = checkId(input.lease_id)
    const { lease: { secret }, warnings } = await renewLease(core, unit, placeOf(core, id), input.increment)
    return reply({ shownLease: { id, renewable: secret.renewable, seconds: secret.ttl }, warnings })
  },
})

const sync = { sync: defaulted(flag('Answer when it is done.'), false) }

const revoke = systemPath('leases/revoke').write({
  summary: 'Revoke a lease.',
  input: { ...leaseId, ...sync },
  async handle({ core, input }) {
    const lease = await readLease(core, checkId(input.lease_id))
    // Done when answered, unless the engine fails: then it is tried again, and only who asked for `sync` is told.
    const isDone = lease === null || (await revokeOne(core, lease))
    if (!isDone && input.sync) throw badRequest('the engine could not revoke the lease yet; it is tried again')
    return null
  },
})

const underPath = (path: string): string => `${path.replace(/^\/+|\/+$/g, '')}/`

/**
 * A prefix may be a folder or one lease. For `sync` the answer comes when all is done, and it throws when engines failed: the rest is revoked all the same. Else
 * the answer comes after the first few hundred.
 */
async function revokePrefix(core: Core, prefix: string, force: boolean, sync: boolean): Promise<null> {
  const single = await readLease(core, prefix.replace(/\/+$/, ''))
  const isSingleDone = single === null || (await revokeOne(core, single, force))
  if (!sync) {
    await beginRevocation(core, underPath(prefix), force)
    return null
  }
  const count = (await revokeUnder(core, underPath(prefix), { force })) + (isSingleDone ? 0 : 1)
  if (count > 0) throw badRequest(`the engines could not revoke ${count} leases yet; they are tried again`)
  return null
}

const prefix = { prefix: text('What the ids of the leases begin with: a folder.') }
const revokeByPrefix = systemPath('leases/revoke-prefix/{prefix*}', prefix).write({
  summary: 'Revoke every lease under a prefix.',
  access: 'sudo',
  input: sync,
  handle: async ({ core, params, input }) => await revokePrefix(core, params.prefix, false, input.sync),
})

const revokeByForce = systemPath('leases/revoke-force/{prefix*}', prefix).write({
  summary: 'Forget every lease under a prefix, also where revoking it fails.',
  access: 'sudo',
  input: sync,
  handle: async ({ core, params, input }) => await revokePrefix(core, params.prefix, true, input.sync),
})

const revocations = systemPath('leases/revocations').read({
  summary: 'Show which revocations below a prefix are under way, and how far they have come.',
  access: 'sudo',
  async handle({ core }) {
    const tasks = await listTasks(core)
    const shown = await Promise.all(tasks.map(async ({ prefix, force, startedAt, revoked, waiting }) => {
      const left = (await countLeases(core, 'mount', prefix)).total
      return { prefix, force, start_time: formatTime(startedAt), revoked, waiting, left }
    }))
    return { revocations: shown }
  },
})

const typeField = { type: defaulted(text('`irrevocable`: those that could not be revoked.'), '') }

const grouping = {
  group_by: defaulted(text('Count all leases: by `mount`, by `role` (the path that was asked for), or by `owner` (the entity or token that holds them).'), ''),
  prefix: defaulted(text('Only those below this path.'), ''),
  top: defaulted(integer('Only so many names, those with the most leases.'), 100),
}

async function countAll(core: Core, by: string, prefix: string, top: number): Promise<Data> {
  if (by !== 'mount' && by !== 'role' && by !== 'owner') throw badRequest('group_by is mount, role or owner')
  const { counts, total } = await countLeases(core, by, prefix === '' ? '' : underPath(prefix))
  return { counts: Object.fromEntries(counts.slice(0, Math.max(1, top))), lease_count: total, names: counts.length }
}

const count = systemPath('leases/count').read({
  summary: 'Count leases: those that could not be revoked, or all of them by whose they are.',
  access: 'sudo',
  input: { ...typeField, ...grouping, include_child_namespaces: defaulted(flag('Also in namespaces below.'), false) },
  async handle({ core, input }) {
    if (input.group_by !== '') return await countAll(core, input.group_by, input.prefix, input.top)
    if (input.type !== 'irrevocable') return null
    const { counts, total } = await countIrrevocable(core)
    return { counts: Object.fromEntries(counts), lease_count: total }
  },
})

const list = systemPath('leases').read({
  summary: 'List the leases that could not be revoked, with the reason.',
  access: 'sudo',
  input: { ...typeField, limit: defaulted(text('At most so many; `none`: all.'), '10000'), include_child_namespaces: defaulted(flag('Also in namespaces below.'), false) },
  async handle({ core, input }) {
    if (input.type !== 'irrevocable') return null
    const leases = await listIrrevocable(core, input.limit === 'none' ? Infinity : Number(input.limit) || 10_000)
    return { lease_count: leases.length, leases: leases.map(({ id, secret }) => ({ lease_id: id, mount_id: secret?.mountUuid, error: secret?.failure })) }
  },
})

const tidy = tidyOperations.map((operation) => also(operation, { path: 'leases/tidy' }))

/** `sys/leases/renew/ID` and the like: the id in the path. */
const byUrl = (operation: typeof revoke, path: string): typeof revoke => ({ ...operation, path, params: url, handle: (call) => operation.handle({ ...(call as object), input: { ...(call as { input: object }).input, ...(call as { params: object }).params } } as never) })

const oldNames = [
  also(renew, { path: 'renew', deprecated: 'sys/leases/renew' }),
  byUrl(renew, 'renew/{lease_id*}'),
  also(revoke, { path: 'revoke', deprecated: 'sys/leases/revoke' }),
  byUrl(revoke, 'revoke/{lease_id*}'),
  also(revokeByPrefix, { path: 'revoke-prefix/{prefix*}', deprecated: 'sys/leases/revoke-prefix' }),
  also(revokeByForce, { path: 'revoke-force/{prefix*}', deprecated: 'sys/leases/revoke-force' }),
]

export const leaseOperations = [
  lookup, listLeases, renew, byUrl(renew, 'leases/renew/{lease_id*}'), revoke, byUrl(revoke, 'leases/revoke/{lease_id*}'),
  revokeByPrefix, revokeByForce, revocations, count, list, ...tidy, ...oldNames,
]
