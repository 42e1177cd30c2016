/** What every ACME request goes through: is it served here, under which role and issuer, who signed it, and how it is answered. */
import { isJsonObject } from '../../../kit/fields.ts'
import type { JsonObject } from '../../../kit/json.ts'
import type { Call } from '../../../kit/operation.ts'
import { reply, type Reply } from '../../../kit/result.ts'
import { ApiError } from '../../../kit/errors.ts'
import { findIssuerEntry } from '../authority.ts'
import { openRole } from '../open-role.ts'
import { readIndex, roles } from '../records.ts'
import type { Role } from '../role-fields.ts'
import { readCluster } from '../urls.ts'
import { readAcmeConfig, readNonceKey, type AcmeConfig } from './config.ts'
import { checkSignature, parseJws, readJwk, type Jws, type PublicJwk } from './jws.ts'
import { newNonce, useNonce } from './nonce.ts'
import { AcmeProblem, malformed, malformedDirectory } from './problem.ts'
import { accounts, accountsByKey, type Account } from './records.ts'

export type AcmeCall = Pick<Call<unknown, unknown>, 'managedKeys' | 'store' | 'mount' | 'now' | 'random' | 'warn' | 'fillTemplate' | 'caller' | 'body' | 'afterCommit'>

/** A directory: `prefix` is `''`, `roles/web/`, `issuer/x/` or both. */
export interface Scope {
  readonly prefix: string
  readonly issuerRef: string | null
  readonly roleName: string | null
}

export interface Context {
  readonly call: AcmeCall
  readonly config: AcmeConfig
  /** `acme/` with what stands before it. */
  readonly directory: string
  /** URL of the directory's folder, with a slash at the end. */
  readonly base: string
  readonly role: Role
  readonly roleName: string
  readonly issuerRef: string
  readonly nonceKey: Buffer
}

export interface AcmeAnswer {
  readonly status?: number
  /** An object is sent as JSON; a text as PEM. Nothing: an empty body. */
  readonly body?: object | string
  readonly headers?: readonly (readonly [string, string])[]
}

/** Serves a request. What is thrown as a problem is answered as one: what was written until then, the nonce's use, stays. */
export async function serveAcme(call: AcmeCall, scope: Scope, handle: (context: Context) => Promise<AcmeAnswer>): Promise<Reply> {
  const config = await readAcmeConfig(call.store)
  const nonceKey = await readNonceKey(call.store)
  if (!config.enabled || nonceKey === null) return reply({ status: 404, raw: { contentType: 'application/json', body: '' } })
  const { path: cluster } = await readCluster(call.store)
  const base = `${cluster.replace(/\/$/, '')}/${scope.prefix}acme/`
  const headers: (readonly [string, string])[] = [['Replay-Nonce', newNonce(nonceKey, call.now, call.random)], ['Link', `<${base}directory>;rel="index"`]]
  try {
    const policy = await policyOf(call, config, scope)
    const answer = await handle({ call, config, nonceKey, base, directory: `${scope.prefix}acme/`, ...policy })
    return answered(answer, headers)
  } catch (error) {
    const problem = error instanceof AcmeProblem ? error : asProblem(error)
    return reply({ status: problem.status, raw: { contentType: 'application/problem+json', body: JSON.stringify(problem.document), headers } })
  }
}

/** Refusals of the engine's own rules are the client's to see; conflicts and bugs go on. */
function asProblem(error: unknown): AcmeProblem {
  if (error instanceof ApiError && error.code === 'bad_request') return new AcmeProblem('malformed', error.message)
  throw error
}

function answered({ status = 200, body, headers = [] }: AcmeAnswer, common: readonly (readonly [string, string])[]): Reply {
  const contentType = typeof body === 'string' ? 'application/pem-certificate-chain' : body === undefined ? '' : 'application/json'
  const sent = typeof body === 'string' ? body : body === undefined ? '' : JSON.stringify(body)
  return reply({ status, raw: { contentType, body: sent, headers: [...common, ...headers] } })
}

interface Policy {
  readonly role: Role
  readonly roleName: string
  readonly issuerRef: string
}

/** The role and issuer of a directory. Throws problems where the configuration forbids them. */
async function policyOf({ store }: AcmeCall, config: AcmeConfig, { roleName, issuerRef }: Scope): Promise<Policy> {
  const name = roleName ?? defaultRole(config, issuerRef)
  const role = name === null ? openRole({ server_flag: true, client_flag: false }) : await roles.read(store, name)
  if (role === null) throw malformedDirectory('role does not exist')
  if (roleName !== null && !config.allowed_roles.includes('*') && !config.allowed_roles.includes(roleName)) throw forbidden('specified role not allowed by ACME policy')
  const ref = issuerRef ?? role.issuer_ref
  const index = await readIndex(store)
  const entry = findIssuerEntry(index, ref)
  if (entry === null) throw malformedDirectory('issuer does not exist')
  const allowed = config.allowed_issuers.map((one) => findIssuerEntry(index, one)?.id)
  if (!config.allowed_issuers.includes('*') && !allowed.includes(entry.id)) throw forbidden('specified issuer not allowed by ACME policy')
  return { role: acmeRole(role, config), roleName: name ?? '', issuerRef: entry.id }
}

function defaultRole(config: AcmeConfig, issuerRef: string | null): string | null {
  const policy = config.default_directory_policy
  if (policy === 'forbid') throw forbidden(issuerRef === null ? 'default directory not allowed by ACME policy' : 'directory of the issuer not allowed by ACME policy')
  return policy === 'sign-verbatim' ? null : policy.slice('role:'.length)
}

const forbidden = (reason: string): AcmeProblem => new AcmeProblem('unauthorized', reason)
const longestSeconds = 90 * 86_400

/** What ACME makes of a role: certificates for servers that are kept and not leased, for 90 days at most. */
function acmeRole(role: Role, config: AcmeConfig): Role {
  const purposes = config.allow_role_ext_key_usage ? {} : { server_flag: true, client_flag: false, code_signing_flag: false, email_protection_flag: false, ext_key_usage: [], ext_key_usage_oids: [] }
  const most = role.max_ttl === 0 ? longestSeconds : Math.min(role.max_ttl, longestSeconds)
  return { ...role, ...purposes, max_ttl: most, ttl: Math.min(role.ttl, most), require_cn: false, no_store: false, generate_lease: false, use_csr_common_name: true, use_csr_sans: true }
}

/** A request whose signature was checked. */
export interface Signed {
  readonly jws: Jws
  readonly key: PublicJwk
  /** Null where the request names its key itself. */
  readonly account: Account | null
}

/** Checks nonce, URL and signature. `path` is the request's, below the directory. Throws problems. */
export async function verifySigned(context: Context, path: string): Promise<Signed> {
  const { call, base, nonceKey } = context
  const jws = parseJws(call.body)
  const { header } = jws
  const hasKid = typeof header['kid'] === 'string'
  const hasJwk = isJsonObject(header['jwk'])
  if (!hasKid && !hasJwk) throw malformed("failed to json unmarshal 'protected': invalid header: got neither required fields of 'kid' nor 'jwk'")
  if (hasKid && hasJwk) throw malformed("invalid header: got both fields 'kid' and 'jwk'")
  if (header['url'] !== base + path) throw new AcmeProblem('unauthorized', 'the URL in the protected header is not that of the request')
  const account = hasKid ? await accountOf(context, header['kid'] as string) : null
  const key = readJwk(account === null ? header['jwk'] : account.jwk)
  checkSignature(jws, key)
  const nonce = header['nonce']
  if (typeof nonce !== 'string' || !(await useNonce(call.store, nonceKey, call.now, nonce))) throw new AcmeProblem('badNonce', 'the client sent an unacceptable anti-replay nonce')
  return { jws, key, account }
}

async function accountOf({ call, base, directory }: Context, kid: string): Promise<Account> {
  const prefix = `${base}account/`
  const account = kid.startsWith(prefix) ? await accounts.read(call.store, kid.slice(prefix.length)) : null
  if (account === null || account.directory !== directory) throw new AcmeProblem('accountDoesNotExist', 'the request specified an account that does not exist')
  return account
}

/** The account that signed; it must be valid. Throws problems. */
export async function verifyAccount(context: Context, path: string): Promise<Signed & { readonly account: Account }> {
  const { account, ...rest } = await verifySigned(context, path)
  if (account === null) throw malformed('the request must be signed by an account')
  if (account.status !== 'valid') throw new AcmeProblem('unauthorized', `the account is ${account.status}`)
  if (context.config.eab_policy === 'always-required' && account.eabId === null) throw new AcmeProblem('externalAccountRequired', 'the request must include a value for the "externalAccountBinding" field')
  return { ...rest, account }
}

export const findByKey = async ({ call, directory }: Context, thumbprint: string): Promise<Account | null> => {
  const found = await accountsByKey.read(call.store, directory, thumbprint)
  return found === null ? null : accounts.read(call.store, found.id)
}

export const bodyOf = (payload: JsonObject | null): JsonObject => payload ?? {}
