/**
 * Logging in. Whatever is wrong, a role id, a secret id or both, is refused with the same words. Logins of one role touch nothing in common:
 * a secret id with limited uses is counted by a merge at the instant of the commit, so that a thousand logins at once succeed exactly as often
 * as it has uses.
 */
import { randomBytes } from 'node:crypto'
import { ApiError, badRequest, Conflict } from '../../kit/errors.ts'
import { defaulted, secret, text } from '../../kit/fields.ts'
import { path } from '../../kit/operation.ts'
import { reply } from '../../kit/result.ts'
import type { Transaction } from '../../kit/store.ts'
import { freshTokenSettings, loginWith } from '../../kit/token-fields.ts'
import { checkWithin, isWithin } from './ranges.ts'
import { accessors, hashSecretId, isExpired, roleIds, roles, secretIds, type Role, type SecretId } from './records.ts'
import { roleIdLengthMax } from './roles.ts'
import { secretIdLengthMax } from './secret-ids.ts'

const invalid = (): ApiError => new ApiError('invalid_credentials', 'invalid role or secret ID')

export const login = path('login').write({
  summary: 'Log in as a role.',
  access: 'public',
  input: {
    role_id: defaulted(text('The id of the role.'), ''),
    secret_id: defaulted(secret(text('A secret id of the role, unless it needs none.')), ''),
  },
  lockoutName: ({ input }) => (input.role_id.length > roleIdLengthMax ? null : input.role_id.trim() || null),
  loginRole: async ({ input, store }) => (input.role_id.length > roleIdLengthMax ? null : ((await roleIds.read(store, input.role_id.trim()))?.role ?? null)),
  async handle({ input, store, now, remoteAddress }) {
    const role = (await findByRoleId(store, input.role_id.trim())) ?? nobody
    const secretId = role.bindSecretId ? await useSecretId(store, role, input.secret_id.trim(), now) : null
    checkAddress(role, secretId, remoteAddress)
    // The alias is the role's, for all its secret ids: what is said of one of them stays with its tokens.
    const alias = { name: role.roleId, metadata: { role_name: role.name } }
    return reply({ login: loginWith(role.token, remoteAddress, { alias, displayName: '', metadata: metadataOf(role, secretId), internal: { role: role.name }, boundCidrs: tokenRanges(role, secretId) }) })
  },
})

/** Stands for roles that there are not: what comes then is the same, and finds no secret id. */
const nobody: Role = {
  name: '', uid: 'nobody', hashKey: randomBytes(32).toString('base64'), roleId: '', bindSecretId: true, secretIdBoundCidrs: [], secretIdNumUses: 0, secretIdTtl: 0,
  localSecretIds: false, token: freshTokenSettings,
}

async function findByRoleId(store: Transaction, roleId: string): Promise<Role | null> {
  if (roleId === '') throw badRequest('missing role_id')
  const found = roleId.length > roleIdLengthMax ? null : await roleIds.read(store, roleId)
  const role = found === null ? null : await roles.read(store, found.role)
  return role?.roleId === roleId ? role : null
}

/** The secret id, with one use less. Throws `invalid_credentials` when there is none that can be used. */
async function useSecretId(store: Transaction, role: Role, given: string, now: number): Promise<SecretId> {
  if (given === '') throw badRequest('missing secret_id')
  if (given.length > secretIdLengthMax) throw invalid()
  const hash = hashSecretId(role, given)
  const found = await secretIds.read({ get: (key) => store.peek(key) }, role.uid, hash)
  if (found === null || isExpired(found, now)) throw invalid()
  if (found.usesLeft > 1) {
    store.merge(secretIds.key(role.uid, hash), (current) => oneUseLess(current, role, hash, now))
    return found
  }
  // From here on the commit depends on the record: that it is still there, and still has its last use.
  const last = await secretIds.read(store, role.uid, hash)
  if (last === null) throw invalid()
  if (last.usesLeft === 1) {
    secretIds.remove(store, role.uid, hash)
    accessors.remove(store, role.uid, last.accessor)
  }
  return last
}

/** Runs at the commit. Where the record is not as it was met before, the login is tried again from the start. */
function oneUseLess(current: Uint8Array | null, role: Role, hash: string, now: number): Uint8Array {
  const record = current === null ? null : secretIds.decode({ value: current, version: 0 })
  if (record === null || record.usesLeft <= 1) throw new Conflict(secretIds.key(role.uid, hash))
  return secretIds.encode({ ...record, usesLeft: record.usesLeft - 1, updatedAt: now })
}

function checkAddress(role: Role, secretId: SecretId | null, from: string): void {
  if (secretId !== null) {
    // The ranges of the role may have changed since the secret id was made.
    checkWithin(secretId.cidrs, role.secretIdBoundCidrs)
    checkWithin(secretId.tokenCidrs, role.token.boundCidrs)
  }
  const ofToken = role.token.strictlyBindIp ? (secretId?.tokenCidrs ?? []) : []
  if ([role.secretIdBoundCidrs, secretId?.cidrs ?? [], ofToken].every((ranges) => isWithin(ranges, from))) return
  throw badRequest(`source address ${JSON.stringify(from)} unauthorized through CIDR restrictions`)
}

/** Most secret ids have none of their own, and a copy of a frozen record is slow. */
const metadataOf = ({ name }: Role, secretId: SecretId | null): Readonly<Record<string, string>> =>
  secretId === null || Object.keys(secretId.metadata).length === 0 ? { role_name: name } : { ...secretId.metadata, role_name: name }

/** Those of the secret id count instead of the role's, in which they lie; a token that is bound to one address stays so. */
const tokenRanges = ({ token }: Role, secretId: SecretId | null): readonly string[] =>
  secretId === null || secretId.tokenCidrs.length === 0 || token.strictlyBindIp ? token.boundCidrs : secretId.tokenCidrs
