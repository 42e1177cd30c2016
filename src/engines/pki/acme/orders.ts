/** Orders (RFC 8555 §7.4): what is wanted, what must be proven for it, and the certificate in the end. */
import { isIP } from 'node:net'
import { ipText, ipBytes } from '../../../crypto/x509/general-names.ts'
import { keyIdOf, spkiOf } from '../../../crypto/x509/keys.ts'
import { attributeTypes, valuesOf } from '../../../crypto/x509/name.ts'
import { extensionIds, parseBasicConstraints } from '../../../crypto/x509/extensions.ts'
import { ApiError } from '../../../kit/errors.ts'
import { isJsonObject } from '../../../kit/fields.ts'
import type { Json, JsonObject } from '../../../kit/json.ts'
import { formatTime } from '../../../kit/time.ts'
import { certificatePem } from '../answer.ts'
import { chainOf, readIssuer } from '../authority.ts'
import { findCertificate } from '../certificates.ts'
import { checkKind, checkRequest, type CheckedRequest } from '../csr.ts'
import { issueLeaf, type LeafInput } from '../leaf.ts'
import { isHostname, toAscii } from '../names.ts'
import { newId } from '../records.ts'
import { checkWanted } from '../rules.ts'
import { parseDate } from '../validity.ts'
import { newAuthorization } from './authorizations.ts'
import { AcmeProblem, malformed, type ProblemType } from './problem.ts'
import { accounts, authorizations, orders, ordersFolder, owners, type Account, type Authorization, type Identifier, type Order } from './records.ts'
import { bodyOf, verifyAccount, type AcmeAnswer, type Context } from './scope.ts'

const orderLifeMs = 86_400_000
const identifiersMax = 100
const openOrdersMax = 300

type Shown = 'pending' | 'ready' | 'processing' | 'valid' | 'invalid'

async function authorizationsOf({ call }: Context, order: Order): Promise<Authorization[]> {
  const found = await Promise.all(order.authorizations.map((id) => authorizations.read(call.store, id)))
  return found.filter((one) => one !== null)
}

/** What clients see follows from the authorizations, so that none of them has to know its order. */
async function statusOf(context: Context, order: Order): Promise<Shown> {
  if (order.status !== 'open') return order.status
  if (order.expiresAt < context.call.now) return 'invalid'
  const found = await authorizationsOf(context, order)
  if (found.length < order.authorizations.length || found.some(({ status }) => status === 'invalid' || status === 'deactivated')) return 'invalid'
  return found.every(({ status }) => status === 'valid') ? 'ready' : 'pending'
}

async function answer(context: Context, order: Order, status: number): Promise<AcmeAnswer> {
  const { base } = context
  const body = {
    status: await statusOf(context, order), expires: formatTime(order.expiresAt), identifiers: order.identifiers,
    ...(order.notBefore === '' ? {} : { notBefore: order.notBefore }), ...(order.notAfter === '' ? {} : { notAfter: order.notAfter }),
    authorizations: order.authorizations.map((id) => `${base}authorization/${id}`), finalize: `${base}order/${order.id}/finalize`,
    ...(order.serial === '' ? {} : { certificate: `${base}order/${order.id}/cert` }),
  }
  return { status, body, headers: [['Location', `${base}order/${order.id}`]] }
}

/** Throws problems for identifiers that are none. */
function identifierOf(raw: Json): Identifier {
  const { type, value } = isJsonObject(raw) ? raw : {}
  if (type !== 'dns' && type !== 'ip') throw new AcmeProblem('unsupportedIdentifier', 'identifiers must be of the type dns or ip')
  if (typeof value !== 'string' || value.length > 253) throw malformed('an identifier has no usable value')
  return { type, value: type === 'ip' ? normalIp(value) : normalName(value) }
}

function normalIp(value: string): string {
  try {
    return ipText(ipBytes(value))
  } catch {
    throw malformed('an identifier of the type ip is no IP address')
  }
}

function normalName(value: string): string {
  const name = value.toLowerCase()
  if (name !== value.trim().toLowerCase() || !isAsciiHost(name) || isIP(name) !== 0) throw malformed('an identifier of the type dns is no host name')
  return name
}

function isAsciiHost(name: string): boolean {
  try {
    return toAscii(name) === name && isHostname(name) && !name.endsWith('.') && name.includes('.')
  } catch {
    return false
  }
}

export async function newOrder(context: Context): Promise<AcmeAnswer> {
  const { call } = context
  const { jws, account } = await verifyAccount(context, 'new-order')
  const payload = bodyOf(jws.payload)
  const identifiers = identifiersOf(payload['identifiers'])
  const [notBefore, notAfter] = [dateOf(payload, 'notBefore'), dateOf(payload, 'notAfter')]
  checkAllowed(context, identifiers)
  if ((await call.store.list(ordersFolder(account.id), { limit: openOrdersMax })).length >= openOrdersMax && !(await hasRoom(context, account))) {
    throw new AcmeProblem('malformed', `an account may have ${openOrdersMax} orders that are not over`, 429)
  }
  const expiresAt = call.now + orderLifeMs
  const made = identifiers.map((identifier) => newAuthorization(call, account.id, identifier, expiresAt))
  const order: Order = {
    id: newId(call.random), accountId: account.id, status: 'open', identifiers, authorizations: made.map(({ id }) => id), notBefore, notAfter, expiresAt, serial: '', issuerId: '', endsAt: 0,
  }
  for (const authorization of made) authorizations.write(call.store, authorization, authorization.id)
  orders.write(call.store, order, account.id, order.id)
  accounts.write(call.store, { ...account, touchedAt: call.now }, account.id)
  return await answer(context, order, 201)
}

/** Orders that are over make room before tidying comes to them. */
async function hasRoom({ call }: Context, account: Account): Promise<boolean> {
  for (const id of await call.store.list(ordersFolder(account.id), { limit: openOrdersMax })) {
    const order = await orders.read(call.store, account.id, id)
    if (order !== null && (order.status !== 'open' || order.expiresAt < call.now)) return true
  }
  return false
}

function identifiersOf(raw: Json | undefined): readonly Identifier[] {
  if (!Array.isArray(raw) || raw.length === 0 || raw.length > identifiersMax) throw malformed(`identifiers must be a list of 1 to ${identifiersMax}`)
  const all = raw.map(identifierOf)
  return [...new Map(all.map((one) => [`${one.type} ${one.value}`, one])).values()]
}

function dateOf(payload: JsonObject, name: 'notBefore' | 'notAfter'): string {
  const value = payload[name]
  if (value === undefined || value === null || value === '') return ''
  if (typeof value !== 'string' || parseDate(value) === null) throw malformed(`${name} is not a date`)
  return value
}

/** The role's rules are asked at once: proving control of a name that cannot be had would be for nothing. */
function checkAllowed({ role }: Context, identifiers: readonly Identifier[]): void {
  const names = { dns: valuesIn(identifiers, 'dns'), ip: valuesIn(identifiers, 'ip'), email: [], uri: [], other: [] }
  try {
    checkWanted({ commonName: '', serialNumber: '', userIds: [], names, source: 'api' }, role, { displayName: '', fill: () => null })
  } catch (error) {
    if (error instanceof ApiError) throw new AcmeProblem('rejectedIdentifier', error.message)
    throw error
  }
}

const valuesIn = (identifiers: readonly Identifier[], type: Identifier['type']): string[] => identifiers.filter((one) => one.type === type).map(({ value }) => value)

async function ownOrder(context: Context, account: Account, id: string): Promise<Order> {
  const order = await orders.read(context.call.store, account.id, id)
  if (order === null) throw new AcmeProblem('malformed', 'order does not exist', 404)
  return order
}

export async function showOrder(context: Context, id: string): Promise<AcmeAnswer> {
  const { account } = await verifyAccount(context, `order/${id}`)
  return await answer(context, await ownOrder(context, account, id), 200)
}

export async function listOrders(context: Context): Promise<AcmeAnswer> {
  const { account } = await verifyAccount(context, 'orders')
  const ids = await context.call.store.list(ordersFolder(account.id), { limit: openOrdersMax })
  return { body: { orders: ids.map((id) => `${context.base}order/${id}`) } }
}

export async function finalize(context: Context, id: string): Promise<AcmeAnswer> {
  const { call, role } = context
  const { jws, account, key } = await verifyAccount(context, `order/${id}/finalize`)
  const order = await ownOrder(context, account, id)
  const status = await statusOf(context, order)
  if (status !== 'ready') throw new AcmeProblem('orderNotReady', `the order is ${status}`)
  const csr = inLowerCase(await readCsr(bodyOf(jws.payload)['csr']))
  checkIdentities(csr, order.identifiers)
  if (keyIdOf(csr.spki).equals(keyIdOf(spkiOf(key.key)))) throw new AcmeProblem('badCSR', 'the key of the account cannot be that of a certificate')
  const input: LeafInput = { ...noInput, not_before: order.notBefore, not_after: order.notAfter }
  const { issued } = await asBadCsr(async () => {
    checkKind(csr.kind, role)
    const leafOrder = { roleName: context.roleName, role, issuerRef: context.issuerRef, input, csr, isVerbatim: false, isTruncated: true }
    return await issueLeaf(call, leafOrder, () => ({ ...csr.kind, spki: csr.spki, privateKey: null }))
  })
  const next: Order = { ...order, status: 'valid', serial: issued.serial, issuerId: issued.authority.entry.id, endsAt: issued.notAfter }
  orders.write(call.store, next, account.id, order.id)
  owners.write(call.store, { accountId: account.id }, issued.serial)
  return await answer(context, next, 200)
}

const noInput: LeafInput = {
  common_name: '', alt_names: '', ip_sans: [], uri_sans: [], other_sans: [], serial_number: '', exclude_cn_from_sans: false, user_ids: [], format: 'pem', private_key_format: 'der', remove_roots_from_chain: false,
}

async function asBadCsr<T>(work: () => T | Promise<T>, type: ProblemType = 'badCSR'): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof ApiError && error.code === 'bad_request') throw new AcmeProblem(type, error.message)
    throw error
  }
}

async function readCsr(raw: Json | undefined): Promise<CheckedRequest> {
  if (typeof raw !== 'string' || !/^[\w-]+$/.test(raw)) throw malformed('csr is not base64url')
  try {
    return await checkRequest(Buffer.from(raw, 'base64url'))
  } catch (error) {
    if (error instanceof ApiError) throw new AcmeProblem('badCSR', error.message)
    throw error
  }
}

/** Names mean the same in any case; those of the order are in lower case. */
const inLowerCase = (csr: CheckedRequest): CheckedRequest => ({ ...csr, names: { ...csr.names, dns: csr.names.dns.map((name) => name.toLowerCase()) } })

/**
 * A CSR names what was proven: all of it and nothing else, in no kind of name and no part of the subject (CVE-2026-105818). The certificate itself is
 * made from these names, never copied from the CSR.
 */
function checkIdentities({ names, subject, extensions }: CheckedRequest, identifiers: readonly Identifier[]): void {
  const refuse = (reason: string): AcmeProblem => new AcmeProblem('badCSR', reason)
  if (names.email.length + names.uri.length + names.other.length + names.unknown > 0) throw refuse('the CSR has names of kinds that were not proven')
  const constraints = extensions.get(extensionIds.basicConstraints)
  if (constraints !== undefined && parseBasicConstraints(constraints.value).isCa) throw refuse('the CSR asks to be a CA')
  const commonNames = valuesOf(subject, attributeTypes.commonName).map((name) => name.toLowerCase())
  const personal: ReadonlySet<string> = new Set([attributeTypes.serialNumber, attributeTypes.userId, attributeTypes.emailAddress])
  if (commonNames.length > 1 || subject.some(({ type }) => personal.has(type))) throw refuse('the subject of the CSR says what was not proven')
  const wanted = new Set(identifiers.map(({ value }) => value))
  const given = new Set([...names.dns, ...names.ip, ...commonNames])
  if (given.size !== wanted.size || [...given].some((name) => !wanted.has(name))) throw refuse('the names of the CSR are not those of the order')
}

export async function downloadCertificate(context: Context, id: string): Promise<AcmeAnswer> {
  const { account } = await verifyAccount(context, `order/${id}/cert`)
  const order = await ownOrder(context, account, id)
  const der = order.serial === '' ? null : await findCertificate(context.call.store, order.serial)
  if (der === null) throw new AcmeProblem('orderNotReady', 'the order has no certificate')
  const chain = await chainOf(context.call.store, await readIssuer(context.call.store, order.issuerId))
  return { body: `${[certificatePem(der), ...chain.map(({ pem }) => pem)].join('\n')}\n` }
}
