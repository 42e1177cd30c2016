/** One-time passwords for logins by SSH: asked for by a user, and verified by the host. */
import { createHash } from 'node:crypto'
import { findAddress, formatAddress, isAddressWithin, parseCidr, type Cidr } from '../../kit/cidr.ts'
import type { LeaseKind } from '../../kit/engine.ts'
import { badRequest } from '../../kit/errors.ts'
import { defaulted, list, nameTextWithAt, secret, text } from '../../kit/fields.ts'
import { path } from '../../kit/operation.ts'
import { reply } from '../../kit/result.ts'
import type { Transaction } from '../../kit/store.ts'
import { uuidOf } from '../../kit/uuid.ts'
import { itemsOf, otps, resolveRole, roles, rolesFolder, zeroAddress, type OtpRole, type Role } from './records.ts'

/** By which a host asks whether it reaches the right mount, without a password. */
const echo = { request: 'verify-echo-request', response: 'verify-echo-response' }
const otpLengthMax = 128
export const leaseKind = 'otp'

const hashOf = (otp: string): string => createHash('sha256').update(otp).digest('hex')
const rangesOf = (written: string): Cidr[] => itemsOf(written).map(parseCidr)

function parseIp(written: string): string {
  if (written === '') throw badRequest('Missing ip')
  const address = written.includes('%') ? null : findAddress(written)
  if (address === null) throw badRequest(`Invalid IP ${JSON.stringify(written)}`)
  return formatAddress(address)
}

function userFor({ default_user: standard, allowed_users: allowed }: Role, asked: string): string {
  const user = asked === '' ? standard : asked
  if (user === '') throw badRequest("No default username registered. Use 'username' option")
  if (user === standard || allowed === '*' || itemsOf(allowed).includes(user)) return user
  throw badRequest(allowed === '' ? 'Username has to be either in allowed users list or has to be a default username' : 'Username is not present is allowed users list')
}

const isWithin = ({ cidr_list: inside, exclude_cidr_list: outside }: OtpRole, ip: string): boolean =>
  isAddressWithin(rangesOf(inside), ip) && !isAddressWithin(rangesOf(outside), ip)

async function checkAddress(store: Transaction, name: string, role: Role, ip: string): Promise<OtpRole> {
  const isAnywhere = (await zeroAddress.read(store))?.roles.includes(name) === true
  if (role.key_type === 'otp' && (isAnywhere || isWithin(role, ip))) return role
  throw badRequest(role.key_type !== 'otp' && isAnywhere ? 'the role is not one for one-time passwords' : 'Error validating IP: IP does not belong to role')
}

export const makeOtp = path('creds/{role}', { role: nameTextWithAt('Name of the role.') }).write({
  summary: 'Get a password for one login.',
  input: {
    ip: defaulted(text('Address of the host.'), ''),
    username: defaulted(text('User on the host; default: the one of the role.'), ''),
  },
  output: { key: text('The password.'), key_type: text('`otp`.'), ip: text('The host.'), username: text('The user.'), port: text('Where sshd listens.') },
  async handle({ params, input, store, mount, now, random }) {
    if (input.ip === '') throw badRequest('Missing ip')
    const found = await resolveRole(store, params.role, `Role ${JSON.stringify(params.role)} not found`)
    const username = userFor(found, input.username)
    const ip = parseIp(input.ip)
    const role = await checkAddress(store, params.role, found, ip)
    const key = uuidOf(random(16))
    const { defaultLeaseSeconds: ttlSeconds, maxLeaseSeconds: maxTtlSeconds } = mount
    otps.write(store, { username, ip, role_name: params.role, expiresAt: now + ttlSeconds * 1000 }, hashOf(key))
    const data = { ip, key, key_type: 'otp', port: role.port, username }
    return reply({ data, lease: { kind: leaseKind, ttlSeconds, maxTtlSeconds, renewable: false, internal: { otp: hashOf(key) } } })
  },
})

export const otpLease: LeaseKind = {
  revoke: async ({ store, internal }) => otps.remove(store, String(internal['otp'])),
}

export const verifyOtp = path('verify').write({
  summary: 'Spend a password: the host asks whom it is for.',
  description: 'Needs no token. Right or not is all that a password says; the host compares user and address with its own.',
  access: 'public',
  input: { otp: defaulted(secret(text('The password.')), '') },
  output: { username: text('The user.'), ip: text('The host.'), role_name: text('The role.') },
  async handle({ input, store, now }) {
    if (input.otp === echo.request) return { message: echo.response }
    const hash = hashOf(input.otp)
    const found = input.otp.length > otpLengthMax ? null : await otps.read(store, hash)
    if (found === null || found.expiresAt <= now) throw badRequest('OTP not found')
    otps.remove(store, hash)
    const { ip, role_name, username } = found
    return { ip, role_name, username }
  },
})

export const lookupRoles = path('lookup').write({
  summary: 'List the roles that give passwords for a host.',
  input: { ip: defaulted(text('Address of the host.'), '') },
  output: { roles: list('Names of roles.') },
  async handle({ input, store }) {
    const ip = parseIp(input.ip)
    const anywhere = (await zeroAddress.read(store))?.roles ?? []
    const found: string[] = []
    for (const name of await store.list(rolesFolder)) {
      const role = await roles.read(store, name)
      if (anywhere.includes(name) || (role?.key_type === 'otp' && isWithin(role, ip))) found.push(name)
    }
    return { roles: found.length === 0 ? null : found }
  },
})

const configZeroAddress = path('config/zeroaddress')

export const readZeroAddress = configZeroAddress.read({
  summary: 'Read which roles give passwords for any host.',
  handle: async ({ store }) => (await zeroAddress.read(store)) as Readonly<Record<string, unknown>> | null,
})

export const writeZeroAddress = configZeroAddress.write({
  summary: 'Say which roles give passwords for any host, whatever their ranges are.',
  input: { roles: defaulted(list('Names of roles.'), []) },
  async handle({ input, store }) {
    if (input.roles.length === 0) throw badRequest('Missing roles')
    for (const name of input.roles) await resolveRole(store, name, `Role ${JSON.stringify(name)} does not exist`)
    zeroAddress.write(store, { roles: input.roles })
    return null
  },
})

export const deleteZeroAddress = configZeroAddress.delete({
  summary: 'Let the ranges of all roles count again.',
  handle({ store }) {
    zeroAddress.remove(store)
    return null
  },
})
