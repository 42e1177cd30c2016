/** Renewing tokens: within their maximum, and with the consent of the auth method that gave them. */
import { opaqueStore } from '../../core/base.ts'
import type { Core } from '../../core/core.ts'
import { tokenExpiryKey } from '../../core/leases/record.ts'
import { hashToken } from '../../core/tokens/create.ts'
import { findToken, findTokenByHash } from '../../core/tokens/find.ts'
import { batchPrefix } from '../../core/tokens/ids.ts'
import type { Mount } from '../../core/mounts/table.ts'
import { lifetimeOf } from '../../core/tokens/lifetime.ts'
import { tokenRecords, type TokenRecord } from '../../core/tokens/record.ts'
import type { Unit } from '../../core/unit.ts'
import { badRequest } from '../../kit/errors.ts'
import { defaulted, duration, secret, text } from '../../kit/fields.ts'
import { reply, type Login, type Result } from '../../kit/result.ts'
import { systemPath, type SystemCall } from '../call.ts'
import { byAccessor } from './lookup.ts'
import { roles } from './roles.ts'
import { authOf } from './show.ts'

const increment = defaulted(duration('For how long, from now; 0 repeats the last lifetime.'), 0)

/** Renews in the unit. `id` is shown in the answer; '' where an accessor named the token. */
async function renew(call: SystemCall, hash: string, id: string, seconds: number): Promise<Result> {
  const { core, unit } = call
  const record = await findTokenByHash(core, hash, unit.on(opaqueStore(core)))
  if (record === null) throw badRequest('token not found')
  if (!record.renewable) throw badRequest('lease is not renewable')
  const { ttl, warnings } = await newLifetime(core, unit, record, seconds)
  const now = core.host.now()
  const renewed: TokenRecord = { ...record, ttl, lastRenewalAt: now, expiresAt: now + ttl * 1000 }
  const opaque = unit.on(opaqueStore(core))
  tokenRecords.write(opaque, renewed, hash)
  if (renewed.expiresAt !== record.expiresAt) {
    opaque.delete(tokenExpiryKey(record.expiresAt, hash))
    opaque.put(tokenExpiryKey(renewed.expiresAt, hash), new Uint8Array(0))
  }
  return reply({ auth: authOf(renewed, id), warnings })
}

async function newLifetime(core: Core, unit: Unit, record: TokenRecord, seconds: number): Promise<ReturnType<typeof lifetimeOf>> {
  const mount = record.mountAccessor === '' ? await core.mounts.at('auth/token/') : await core.mounts.byAccessor(record.mountAccessor)
  if (mount === null) throw badRequest('the auth method that gave this token is gone')
  const terms = record.role === '' ? await termsOf(mount, core, unit, record) : await termsOfRole(mount, unit, record)
  return lifetimeOf({
    increment: seconds,
    ttl: terms.ttlSeconds ?? record.ttl,
    maxTtl: terms.maxTtlSeconds ?? (typeof record.internal['maxTtl'] === 'number' ? record.internal['maxTtl'] : 0),
    explicitMaxTtl: shorter(record.explicitMaxTtl, terms.explicitMaxTtlSeconds ?? 0),
    period: terms.periodSeconds ?? record.period,
    mountDefault: mount.view.defaultLeaseSeconds,
    mountMax: mount.view.maxLeaseSeconds,
    issuedAt: record.issuedAt,
    now: core.host.now(),
  })
}

/** What was promised at creation stays; what is said now may only shorten it. 0: nothing is said. */
const shorter = (promised: number, now: number): number => (promised === 0 || now === 0 ? promised || now : Math.min(promised, now))

/** What the auth method says now; it refuses by throwing (the user is gone, say). */
async function termsOf(mount: Mount, core: Core, unit: Unit, record: TokenRecord): Promise<Partial<Login>> {
  const ask = record.mountAccessor === '' ? undefined : mount.registered?.engine.renew
  if (ask === undefined) return {}
  return await ask({
    store: unit.on(mount.store), mount: mount.view, now: core.host.now(), internal: record.internal, policies: record.policies, metadata: record.metadata ?? {},
  })
}

/** What the token role says now. Tokens of a role that is gone end with what they have. */
async function termsOfRole(mount: Mount, unit: Unit, record: TokenRecord): Promise<Partial<Login>> {
  const role = await roles.read(unit.on(mount.store), record.role)
  if (role === null) throw badRequest(`original token role ${JSON.stringify(record.role)} could not be found, not renewing`)
  return { periodSeconds: role.period, explicitMaxTtlSeconds: role.explicitMaxTtl }
}

const batchText = 'batch tokens cannot be renewed'

const renewSelf = systemPath('renew-self').write({
  summary: "Renew the caller's own token.",
  input: { increment },
  async handle(call) {
    if (call.token === null) throw badRequest('token not found')
    if (call.token.record.type === 'batch') throw badRequest(batchText)
    return await renew(call, call.token.record.hash, call.token.id, call.input.increment)
  },
})

const renewToken = systemPath('renew').write({
  summary: 'Renew a token.',
  input: { token: defaulted(secret(text('The token to renew.')), ''), increment },
  async handle(call) {
    const { token, increment: seconds } = call.input
    if (token === '') throw badRequest('missing token ID')
    if (token.startsWith(batchPrefix) && (await findToken(call.core, token)) !== null) throw badRequest(batchText)
    return await renew(call, hashToken(call.core, token), token, seconds)
  },
})

const renewAccessor = systemPath('renew-accessor').write({
  summary: 'Renew the token that an accessor belongs to.',
  input: { accessor: defaulted(text('Accessor of the token.'), ''), increment },
  handle: async (call) => await renew(call, (await byAccessor(call, call.input.accessor)).hash, '', call.input.increment),
})

export const renewOperations = [renewSelf, renewToken, renewAccessor]
