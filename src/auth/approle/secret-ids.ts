/** Secret ids: made, shown and destroyed by themselves or by their accessors, which show nothing but can revoke. */
import type { PlainCall } from '../../kit/engine.ts'
import { badRequest } from '../../kit/errors.ts'
import { defaulted, duration, integer, list, optional, secret, text, textMap, type ValuesOf } from '../../kit/fields.ts'
import { parseJson } from '../../kit/json.ts'
import { also, path, type MountView } from '../../kit/operation.ts'
import { listed, reply, type Data, type Reply } from '../../kit/result.ts'
import type { Transaction } from '../../kit/store.ts'
import { formatTime } from '../../kit/time.ts'
import { uuidOf } from '../../kit/uuid.ts'
import { pageFields, pageOf, resolveRole, roleParams } from './find-role.ts'
import { checkRanges, checkWithin } from './ranges.ts'
import { accessors, accessorsFolder, hashSecretId, isExpired, secretIds, type Role, type SecretId } from './records.ts'

export const secretIdLengthMax = 4_096

const newFields = {
  metadata: defaulted(text('JSON object of texts that the tokens will show.'), ''),
  cidr_list: defaulted(list('Ranges of addresses that logins with it may come from; within those of the role.'), []),
  token_bound_cidrs: defaulted(list('Ranges of addresses that its tokens can be used from; within those of the role.'), []),
  num_uses: optional(integer('How often it can be used; at most as often as the role says, which is the default.')),
  ttl: optional(duration('How long it lives; at most as long as the role says, which is the default.')),
}
type NewInput = ValuesOf<typeof newFields>

const givenSecretId = defaulted(secret(text('The secret id.')), '')
const givenAccessor = defaulted(text('Accessor of the secret id.'), '')

function usesOf(input: NewInput, { secretIdNumUses: max }: Role): number {
  const uses = input.num_uses ?? max
  if (uses < 0) throw badRequest('num_uses cannot be negative')
  if (max > 0 && (uses === 0 || uses > max)) throw badRequest("num_uses cannot be higher than the role's secret_id_num_uses")
  return uses
}

function ttlOf(input: NewInput, { secretIdTtl: max }: Role): number {
  const ttl = input.ttl ?? max
  if (ttl < 0) throw badRequest('ttl cannot be negative')
  if (max > 0 && (ttl === 0 || ttl > max)) throw badRequest("ttl cannot be longer than the role's secret_id_ttl")
  return ttl
}

const textsOf = textMap('Metadata.')

/** A JSON object of texts, or `a=b,c=d`. Sorted by key. */
function parseMetadata(given: string): Readonly<Record<string, string>> {
  if (given.trim() === '') return {}
  try {
    const texts = textsOf.parse(given.trimStart().startsWith('{') ? parseJson(given) : given)
    return Object.fromEntries(Object.entries(texts).sort(([a], [b]) => (a < b ? -1 : 1)))
  } catch (cause) {
    throw badRequest('failed to parse metadata: it is neither a JSON object of texts nor a list of key=value', { cause })
  }
}

function newSecretId(input: NewInput, role: Role, { maxLeaseSeconds }: MountView, now: number, accessor: string): SecretId {
  const ttl = ttlOf(input, role)
  checkWithin(checkRanges(input.cidr_list), role.secretIdBoundCidrs)
  checkWithin(checkRanges(input.token_bound_cidrs), role.token.boundCidrs)
  return {
    accessor, ttl, usesLeft: usesOf(input, role), expiresAt: ttl === 0 ? 0 : now + Math.min(ttl, maxLeaseSeconds) * 1000, createdAt: now, updatedAt: now,
    metadata: parseMetadata(input.metadata), cidrs: input.cidr_list, tokenCidrs: input.token_bound_cidrs,
  }
}

type NewCall = Pick<PlainCall, 'store' | 'mount' | 'now' | 'random'>

async function makeSecretId({ store, mount, now, random }: NewCall, name: string, secretId: string, input: NewInput): Promise<Reply> {
  const role = await resolveRole(store, name, 'notFound')
  if (!role.bindSecretId) throw badRequest('bind_secret_id is not set on the role')
  const made = newSecretId(input, role, mount, now, uuidOf(random(16)))
  const hash = hashSecretId(role, secretId)
  if ((await secretIds.read(store, role.uid, hash)) !== null) throw badRequest('1 error occurred:\n\t* failed to store secret_id: SecretID is already registered\n\n')
  secretIds.write(store, made, role.uid, hash)
  accessors.write(store, { role: role.name, hash }, role.uid, made.accessor)
  const data = { secret_id: secretId, secret_id_accessor: made.accessor, secret_id_num_uses: made.usesLeft, secret_id_ttl: Math.min(made.ttl, mount.maxLeaseSeconds) }
  return reply({ data, wrappedAccessor: made.accessor })
}

const createSecretId = path('role/{role_name}/secret-id', roleParams).write({
  summary: 'Make a secret id.',
  input: newFields,
  handle: async (call) => await makeSecretId(call, call.params.role_name, uuidOf(call.random(16)), call.input),
})

const createCustom = path('role/{role_name}/custom-secret-id', roleParams).write({
  summary: 'Register a secret id of your own choice.',
  input: { secret_id: givenSecretId, ...newFields },
  async handle(call) {
    const secretId = call.input.secret_id.trim()
    if (secretId === '') throw badRequest('missing secret_id')
    if (secretId.length > secretIdLengthMax) throw badRequest(`the secret_id is longer than ${secretIdLengthMax} characters`)
    return await makeSecretId(call, call.params.role_name, secretId, call.input)
  },
})

const listAccessors = path('role/{role_name}/secret-id', roleParams).list({
  summary: 'List the accessors of the secret ids of a role.',
  input: pageFields,
  async handle({ params, input, store }) {
    const role = await resolveRole(store, params.role_name, 'badRequest')
    return listed(await store.list(`${accessorsFolder}${role.uid}/`, pageOf(input)))
  },
})

const shown = (secretId: SecretId): Data => ({
  cidr_list: secretId.cidrs,
  creation_time: formatTime(secretId.createdAt),
  expiration_time: secretId.expiresAt === 0 ? never : formatTime(secretId.expiresAt),
  last_updated_time: formatTime(secretId.updatedAt),
  metadata: secretId.metadata,
  secret_id_accessor: secretId.accessor,
  secret_id_num_uses: secretId.usesLeft,
  secret_id_ttl: secretId.ttl,
  token_bound_cidrs: secretId.tokenCidrs,
})

/** What Go prints for no time at all. */
const never = '0001-01-01T00:00:00Z'

/** A secret id that can still be used, or null. */
async function findLiving(store: Transaction, role: Role, hash: string, now: number): Promise<SecretId | null> {
  const found = await secretIds.read(store, role.uid, hash)
  return found === null || isExpired(found, now) ? null : found
}

const lookUp = path('role/{role_name}/secret-id/lookup', roleParams).write({
  summary: 'Show what is known of a secret id.',
  input: { secret_id: givenSecretId },
  async handle({ params, input, store, now }) {
    if (input.secret_id === '') throw badRequest('missing secret_id')
    const role = await resolveRole(store, params.role_name, 'listed')
    const found = await findLiving(store, role, hashSecretId(role, input.secret_id.trim()), now)
    return found === null ? null : shown(found)
  },
})

const destroy = path('role/{role_name}/secret-id/destroy', roleParams).write({
  summary: 'Destroy a secret id.',
  input: { secret_id: givenSecretId },
  async handle({ params, input, store }) {
    if (input.secret_id === '') throw badRequest('missing secret_id')
    const role = await resolveRole(store, params.role_name, 'listed')
    const hash = hashSecretId(role, input.secret_id.trim())
    const found = await secretIds.read(store, role.uid, hash)
    if (found !== null) remove(store, role, hash, found.accessor)
    return null
  },
})

function remove(store: Transaction, role: Role, hash: string, accessor: string): void {
  secretIds.remove(store, role.uid, hash)
  accessors.remove(store, role.uid, accessor)
}

const noSuchAccessor = (accessor: string): string => `failed to find accessor entry for secret_id_accessor: ${JSON.stringify(accessor)}`

/** Accessors lie under their role, so that one of another role is not found (CVE-2023-24999). */
async function findByAccessor(store: Transaction, role: Role, accessor: string): Promise<{ readonly hash: string } | null> {
  return accessor.includes('/') || accessor.length > accessorLengthMax ? null : await accessors.read(store, role.uid, accessor)
}

const accessorLengthMax = 64

const lookUpAccessor = path('role/{role_name}/secret-id-accessor/lookup', roleParams).write({
  summary: 'Show what is known of the secret id of an accessor.',
  input: { secret_id_accessor: givenAccessor },
  async handle({ params, input: { secret_id_accessor: accessor }, store, now }) {
    if (accessor === '') throw badRequest('missing secret_id_accessor')
    const role = await resolveRole(store, params.role_name, 'listed')
    const entry = await findByAccessor(store, role, accessor)
    const found = entry === null ? null : await findLiving(store, role, entry.hash, now)
    return found === null ? reply({ status: 404, data: { error: noSuchAccessor(accessor) } }) : shown(found)
  },
})

const destroyAccessor = path('role/{role_name}/secret-id-accessor/destroy', roleParams).write({
  summary: 'Destroy the secret id of an accessor.',
  input: { secret_id_accessor: givenAccessor },
  async handle({ params, input: { secret_id_accessor: accessor }, store }) {
    if (accessor === '') throw badRequest('missing secret_id_accessor')
    const role = await resolveRole(store, params.role_name, 'listed')
    const entry = await findByAccessor(store, role, accessor)
    if (entry === null) throw badRequest(`1 error occurred:\n\t* ${noSuchAccessor(accessor)}\n\n`)
    remove(store, role, entry.hash, accessor)
    return null
  },
})

export const secretIdOperations = [
  createSecretId, createCustom, listAccessors, lookUp, destroy, also(destroy, { verb: 'delete' }), lookUpAccessor, destroyAccessor, also(destroyAccessor, { verb: 'delete' }),
]
