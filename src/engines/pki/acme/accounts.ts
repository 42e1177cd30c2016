/** Accounts (RFC 8555 §7.3) and what binds them to people that are known otherwise. */
import { isJsonObject } from '../../../kit/fields.ts'
import type { Json, JsonObject } from '../../../kit/json.ts'
import { newId } from '../records.ts'
import { checkSignature, isMadeWith, parseJws, readJwk, type PublicJwk } from './jws.ts'
import { AcmeProblem, malformed } from './problem.ts'
import { accounts, accountsByKey, eabs, type Account } from './records.ts'
import { bodyOf, findByKey, verifySigned, type AcmeAnswer, type Context } from './scope.ts'

const contactsMax = 10

function shown({ base }: Context, account: Account): object {
  return { status: account.status, contact: account.contact, termsOfServiceAgreed: account.termsAgreed, orders: `${base}orders`, ...(account.eabId === null ? {} : { externalAccountBinding: {} }) }
}

const answer = (context: Context, account: Account, status: number): AcmeAnswer =>
  ({ status, body: shown(context, account), headers: [['Location', `${context.base}account/${account.id}`]] })

function contactsOf(raw: Json | undefined): readonly string[] {
  if (raw === undefined || raw === null) return []
  if (!Array.isArray(raw) || raw.length > contactsMax) throw new AcmeProblem('invalidContact', `contact must be a list of at most ${contactsMax} URLs`)
  return raw.map((one) => {
    if (typeof one !== 'string' || !/^mailto:[^\s,?@]+@[^\s,?@]+$/.test(one) || one.length > 320) throw new AcmeProblem('invalidContact', 'contacts must be mailto: URLs of one address')
    return one
  })
}

export async function newAccount(context: Context): Promise<AcmeAnswer> {
  const { call, directory, config } = context
  const { jws, key, account: signer } = await verifySigned(context, 'new-account')
  if (signer !== null) throw malformed('a new account must be signed with its own key')
  const payload = bodyOf(jws.payload)
  const known = await findByKey(context, key.thumbprint)
  if (known !== null) return existing(context, known)
  if (payload['onlyReturnExisting'] === true) throw new AcmeProblem('accountDoesNotExist', 'an account with this key does not exist')
  const contact = contactsOf(payload['contact'])
  const eabId = await bindingOf(context, payload['externalAccountBinding'], key)
  if (eabId === null && config.eab_policy !== 'not-required') throw new AcmeProblem('externalAccountRequired', 'the request must include a value for the "externalAccountBinding" field')
  const account: Account = {
    id: newId(call.random), status: 'valid', contact, termsAgreed: payload['termsOfServiceAgreed'] === true, jwk: key.jwk, thumbprint: key.thumbprint, directory, eabId, createdAt: call.now, touchedAt: call.now,
  }
  accounts.write(call.store, account, account.id)
  accountsByKey.write(call.store, { id: account.id }, directory, key.thumbprint)
  return answer(context, account, 201)
}

function existing(context: Context, account: Account): AcmeAnswer {
  if (account.status !== 'valid') throw new AcmeProblem('unauthorized', `the account is ${account.status}`)
  return answer(context, account, 200)
}

/** The id of the binding, which is spent; null without one (RFC 8555 §7.3.4). */
async function bindingOf({ call, base, directory }: Context, raw: Json | undefined, key: PublicJwk): Promise<string | null> {
  if (raw === undefined || raw === null) return null
  if (!isJsonObject(raw)) throw malformed('externalAccountBinding must be an object')
  const binding = parseJws(raw)
  const { kid, url } = binding.header
  const eab = typeof kid === 'string' && /^[\w-]{1,64}$/.test(kid) ? await eabs.read(call.store, kid) : null
  if (eab === null || eab.directory !== directory || !isMadeWith(binding, Buffer.from(eab.key, 'base64url'))) throw new AcmeProblem('unauthorized', 'the external account binding is not valid')
  if (url !== `${base}new-account`) throw new AcmeProblem('unauthorized', 'the external account binding was made for another URL')
  if (readJwk(binding.payload ?? undefined).thumbprint !== key.thumbprint) throw new AcmeProblem('unauthorized', 'the external account binding was made for another key')
  eabs.remove(call.store, eab.id)
  return eab.id
}

export async function updateAccount(context: Context, id: string): Promise<AcmeAnswer> {
  const { jws, account } = await verifySigned(context, `account/${id}`)
  if (account === null || account.id !== id || account.status !== 'valid') throw new AcmeProblem('unauthorized', 'the request was not signed by this account, or it is not valid any more')
  const { payload } = jws
  if (payload === null) return answer(context, account, 200)
  if (payload['status'] !== undefined && payload['status'] !== 'deactivated') throw malformed('the status of an account can only become "deactivated"')
  const next: Account = {
    ...account,
    ...(payload['contact'] === undefined ? {} : { contact: contactsOf(payload['contact']) }),
    ...(payload['status'] === undefined ? {} : { status: 'deactivated' }),
  }
  accounts.write(context.call.store, next, id)
  return answer(context, next, 200)
}

/** RFC 8555 §7.3.5: the new key signs inside, the old one outside. */
export async function changeKey(context: Context): Promise<AcmeAnswer> {
  const { jws, account, key: oldKey } = await verifySigned(context, 'key-change')
  if (account === null || account.status !== 'valid') throw new AcmeProblem('unauthorized', 'the request was not signed by a valid account')
  const inner = parseJws(jws.payload)
  const key = readJwk(inner.header['jwk'])
  checkSignature(inner, key)
  const { account: named, oldKey: given } = bodyOf(inner.payload) as JsonObject
  if (inner.header['url'] !== jws.header['url'] || named !== `${context.base}account/${account.id}` || readJwk(given).thumbprint !== oldKey.thumbprint) {
    throw malformed('the inner request does not name this URL, this account and its key')
  }
  const holder = await findByKey(context, key.thumbprint)
  if (holder !== null) throw new AcmeProblem('malformed', 'another account has this key', 409)
  const next: Account = { ...account, jwk: key.jwk, thumbprint: key.thumbprint }
  accountsByKey.remove(context.call.store, account.directory, account.thumbprint)
  accountsByKey.write(context.call.store, { id: account.id }, account.directory, key.thumbprint)
  accounts.write(context.call.store, next, account.id)
  return answer(context, next, 200)
}
