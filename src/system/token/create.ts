/** Making tokens: as a child of the caller, as an orphan, or under a role. */
import { opaqueStore } from '../../core/base.ts'
import { resolveEntity } from '../../core/identity/entities.ts'
import { unassignablePolicies } from '../../core/policies/builtin.ts'
import { cleanPolicies, createToken } from '../../core/tokens/create.ts'
import { lifetimeOf } from '../../core/tokens/lifetime.ts'
import { tokenRecords, type TokenRecord } from '../../core/tokens/record.ts'
import { ApiError, badRequest, permissionDenied } from '../../kit/errors.ts'
import { anyCase, defaulted, deprecated, flag, integer, optional, plainList, secret, text, textMap, type Fields, type ValuesOf } from '../../kit/fields.ts'
import { parseDuration } from '../../kit/duration.ts'
import type { Call } from '../../kit/operation.ts'
import { reply, type Result } from '../../kit/result.ts'
import { systemPath, type SystemCall } from '../call.ts'
import { authOf } from './show.ts'
import { roles, type TokenRole } from './roles.ts'
import { policiesUnder } from './role-policies.ts'

const input = {
  id: defaulted(secret(text('A token of your own choosing; needs sudo.')), ''),
  policies: optional(plainList('Policies; without them, those of the caller.')),
  meta: defaulted(textMap('Kept with the token and shown in the audit log.'), {}),
  no_parent: defaulted(flag('Make an orphan; needs sudo.'), false),
  no_default_policy: defaulted(flag('Leave out the policy `default`.'), false),
  renewable: defaulted(flag('Whether the token can be renewed.'), true),
  ttl: defaulted(text('How long it lives.'), ''),
  lease: defaulted(deprecated(text('Old name of ttl.')), ''),
  explicit_max_ttl: defaulted(text('Longest life, whatever the system allows.'), ''),
  period: defaulted(text('Life between renewals, without a maximum; needs sudo.'), ''),
  display_name: defaulted(text('Shown in the audit log.'), 'token'),
  num_uses: defaulted(integer('How often it can be used; 0: any number.'), 0),
  type: defaulted(text('service or batch.'), ''),
  entity_alias: defaulted(text('Alias of the entity that the token stands for; only with a role that allows it.'), ''),
} satisfies Fields

type CreateCall = SystemCall & Call<unknown, ValuesOf<typeof input>>

interface Wish {
  readonly parent: TokenRecord
  readonly hasSudo: boolean
  readonly orphan: boolean
  readonly role: TokenRole | null
  readonly type: 'service' | 'batch'
  readonly path: string
}

async function create(call: CreateCall, orphan: boolean, role: TokenRole | null, path: string): Promise<Result> {
  const parent = await parentOf(call)
  const hasSudo = await call.may(path, 'sudo')
  const wish: Wish = { parent, hasSudo, orphan: isOrphan(call, orphan, role), role, type: typeOf(call, role), path }
  checkRights(call, wish, orphan)
  const policies = await policiesOf(call, wish)
  checkBatch(call, wish, policies)
  const limits = limitsOf(call, wish)
  const { ttl, warnings } = lifetime(call, wish, policies, limits)
  const { id, record } = await createToken(call.core, call.unit, {
    id: call.input.id === '' ? undefined : call.input.id,
    type: wish.type, path: role?.pathSuffix ? `${path}/${role.pathSuffix}` : path, displayName: displayName(call.input.display_name), policies,
    metadata: Object.keys(call.input.meta).length === 0 ? null : sorted(call.input.meta),
    numUses: numUses(call, role), ttl, explicitMaxTtl: limits.explicitMaxTtl, period: limits.period,
    renewable: role === null ? call.input.renewable : role.renewable && call.input.renewable,
    parent: wish.orphan ? null : parentHash(parent), role: role?.name ?? '', boundCidrs: boundCidrsOf(wish), entityId: await entityOf(call, wish),
  })
  if (call.input.id !== '') warnings.unshift('A token of your own choosing is only as hard to guess as you made it.')
  return reply({ auth: authOf(record, id), warnings })
}

/** A child is bound to the addresses of its parent; a role or an orphan, which need a right of their own, to those of the role or to none. */
const boundCidrsOf = ({ role, orphan, parent }: Wish): readonly string[] => (role !== null ? role.boundCidrs : orphan ? [] : parent.boundCidrs)

/** The caller, read in this unit: its revocation and this creation cannot both succeed unnoticed. */
async function parentOf({ core, unit, token }: SystemCall): Promise<TokenRecord> {
  if (token === null) throw permissionDenied()
  if (token.record.type === 'batch') throw badRequest('batch tokens cannot create more tokens')
  if (token.record.numUses > 0) throw badRequest('restricted use token cannot generate child tokens')
  const record = await tokenRecords.read(unit.on(opaqueStore(core)), token.record.hash)
  if (record === null) throw permissionDenied()
  return record
}

const parentHash = (parent: TokenRecord): string | null => (parent.hash === '' ? null : parent.hash)
const isOrphan = (call: CreateCall, orphan: boolean, role: TokenRole | null): boolean => orphan || (role === null ? call.input.no_parent : role.orphan)

function typeOf(call: CreateCall, role: TokenRole | null): 'service' | 'batch' {
  const asked = call.input.type
  if (!['', 'service', 'batch'].includes(asked)) throw badRequest("invalid 'token_type' value")
  if (role !== null && role.tokenType !== 'default-service' && role.tokenType !== 'default-batch') return role.tokenType as 'service' | 'batch'
  if (asked !== '') return asked as 'service' | 'batch'
  return role?.tokenType === 'default-batch' ? 'batch' : 'service'
}

function checkRights(call: CreateCall, { hasSudo, role }: Wish, orphanPath: boolean): void {
  const { id, no_parent: noParent, num_uses: uses, period } = call.input
  if (uses < 0) throw badRequest('number of uses cannot be negative')
  if (id !== '') checkChosenId(id, hasSudo)
  if (role === null && noParent && !orphanPath && !hasSudo) throw badRequest('root or sudo privileges required to create orphan token')
  if (period !== '' && seconds('period', period) !== 0 && !hasSudo) throw badRequest('root or sudo privileges required to create periodic token')
  if (call.input.entity_alias !== '' && role === null) throw badRequest("'entity_alias' is only allowed in combination with token role")
}

function checkChosenId(id: string, hasSudo: boolean): void {
  if (!hasSudo) throw badRequest('root or sudo privileges required to specify token id')
  const prefix = ['hvs.', 'hvb.', 'hvr.', 's.', 'b.', 'r.'].find((known) => id.startsWith(known))
  if (prefix !== undefined) throw badRequest(`custom token ID cannot have the '${prefix}' prefix`)
  if (id.includes('.')) throw badRequest("custom token ID cannot have a '.' in the value")
}

async function policiesOf(call: CreateCall, wish: Wish): Promise<string[]> {
  const { parent, role, hasSudo } = wish
  const asked = call.input.policies ?? []
  const noDefault = call.input.no_default_policy || role?.noDefaultPolicy === true
  const given = role === null || !hasRolePolicies(role) ? plainPolicies(asked, parent, hasSudo, !noDefault) : policiesUnder(role, asked, parent.policies, !noDefault)
  const policies = noDefault ? given.filter((name) => name !== 'default') : given
  const refused = policies.find((name) => unassignablePolicies.has(name))
  if (refused !== undefined) throw badRequest(`cannot assign policy ${JSON.stringify(refused)}`)
  if (policies.includes('root') && !parent.policies.includes('root')) throw badRequest('root tokens may not be created without parent token being root')
  for (const name of policies) if (!(await call.core.policies.exists(name))) call.warn(`Policy ${JSON.stringify(name)} does not exist`)
  return policies
}

const hasRolePolicies = (role: TokenRole): boolean =>
  role.allowedPolicies.length + role.allowedPoliciesGlob.length + role.disallowedPolicies.length + role.disallowedPoliciesGlob.length > 0

/** Without sudo a child has no more than its parent, and `default` only where its parent has it. */
function plainPolicies(asked: readonly string[], parent: TokenRecord, hasSudo: boolean, addDefault: boolean): string[] {
  if (asked.length === 0) return cleanPolicies(parent.policies, false)
  const isFree = hasSudo || parent.policies.includes('root')
  const wanted = cleanPolicies(asked, addDefault && (isFree || parent.policies.includes('default')))
  if (!isFree && wanted.some((name) => !parent.policies.includes(name))) throw badRequest('child policies must be subset of parent')
  return wanted
}

interface Limits {
  readonly period: number
  readonly explicitMaxTtl: number
}

/** Of what the request and the role say, the shorter holds. */
function limitsOf(call: CreateCall, { role, type }: Wish): Limits {
  const asked: Limits = { period: seconds('period', call.input.period), explicitMaxTtl: seconds('explicit_max_ttl', call.input.explicit_max_ttl) }
  if (role === null || type === 'batch') return asked
  const shorter = (name: string, one: number, other: number): number => {
    if (one === 0 || other === 0) return one || other
    call.warn(`${name} specified both during creation call and in role; using the lesser value of ${Math.min(one, other)} seconds`)
    return Math.min(one, other)
  }
  return { explicitMaxTtl: shorter('Explicit max TTL', asked.explicitMaxTtl, role.explicitMaxTtl), period: shorter('Period', asked.period, role.period) }
}

function lifetime(call: CreateCall, wish: Wish, policies: readonly string[], limits: Limits): { readonly ttl: number; readonly warnings: string[] } {
  const asked = seconds(call.input.ttl === '' ? 'lease' : 'ttl', call.input.ttl || call.input.lease)
  if (policies.includes('root') && asked === 0 && limits.period === 0 && limits.explicitMaxTtl === 0) {
    if (wish.parent.expiresAt !== 0) throw badRequest('expiring root tokens cannot create non-expiring root tokens')
    return { ttl: 0, warnings: [] }
  }
  const { defaultLeaseSeconds: mountDefault, maxLeaseSeconds: mountMax } = call.mount
  const made = lifetimeOf({ increment: 0, ttl: asked, maxTtl: 0, ...limits, mountDefault, mountMax, issuedAt: call.now, now: call.now })
  return { ttl: made.ttl, warnings: [...made.warnings] }
}

function checkBatch(call: CreateCall, { type, role }: Wish, policies: readonly string[]): void {
  if (type !== 'batch') return
  const refuse = (field: string): never => {
    throw badRequest(`batch tokens cannot have ${JSON.stringify(field)} set`)
  }
  if (seconds('explicit_max_ttl', call.input.explicit_max_ttl) !== 0) refuse('explicit_max_ttl')
  if (call.input.num_uses !== 0 || (role?.numUses ?? 0) !== 0) refuse('num_uses')
  if (seconds('period', call.input.period) !== 0) refuse('period')
  if (call.input.id !== '') refuse('id')
  if (policies.includes('root')) throw badRequest('batch tokens cannot be root tokens')
}

function numUses(call: CreateCall, role: TokenRole | null): number {
  const limits = [call.input.num_uses, role?.numUses ?? 0].filter((n) => n > 0)
  return limits.length === 0 ? 0 : Math.min(...limits)
}

function seconds(name: string, written: string): number {
  if (written === '') return 0
  let value: number
  try {
    value = parseDuration(written)
  } catch (cause) {
    throw badRequest(cause instanceof Error ? cause.message : `${name} is not a duration`, { cause })
  }
  if (value < 0) throw badRequest(`${name} must be positive`)
  return value
}

/** Only letters, digits and dashes survive, as this name becomes part of user names elsewhere. */
function displayName(given: string): string {
  if (given === 'token') return 'token'
  return `token-${given.replaceAll(/[^a-zA-Z0-9-]/g, '-')}`.replace(/-+$/, '')
}

const sorted = (meta: Readonly<Record<string, string>>): Readonly<Record<string, string>> => Object.fromEntries(Object.entries(meta).sort(([a], [b]) => (a < b ? -1 : 1)))

/** A child stands for whom its parent stands for, an orphan for nobody. */
async function entityOf(call: CreateCall, { parent, role, orphan }: Wish): Promise<string> {
  const alias = call.input.entity_alias.toLowerCase()
  if (alias === '' || role === null) return orphan ? '' : parent.entityId
  const allowed = (role.allowedEntityAliases ?? []).some((rule) => (rule.endsWith('*') ? alias.startsWith(rule.slice(0, -1)) : rule === alias))
  if (!allowed) throw badRequest("invalid 'entity_alias' value")
  const name = call.input.entity_alias
  const entity = await resolveEntity(call.core, call.unit, { mountAccessor: call.mount.accessor, name, metadata: {} })
  if (entity.disabled) throw new ApiError('permission_denied', 'entity from given entity alias is disabled')
  return entity.id
}

const roleOf = async (call: SystemCall & Call<unknown, unknown>, name: string): Promise<TokenRole> => {
  const role = await roles.read(call.store, name.toLowerCase())
  if (role === null) throw badRequest(`unknown role ${name}`)
  return role
}

const createChild = systemPath('create').write({
  summary: 'Make a token, as a child of your own.',
  input,
  handle: async (call) => await create(call, false, null, 'auth/token/create'),
})

const createOrphan = systemPath('create-orphan').write({
  summary: 'Make a token without a parent.',
  input,
  handle: async (call) => await create(call, true, null, 'auth/token/create-orphan'),
})

const createWithRole = systemPath('create/{role_name}', { role_name: anyCase(text('Name of the token role.')) }).write({
  summary: 'Make a token under a role.',
  input,
  async handle(call) {
    const role = await roleOf(call, call.params.role_name)
    return await create(call, false, role, `auth/token/create/${role.name}`)
  },
})

export const createOperations = [createChild, createOrphan, createWithRole]
