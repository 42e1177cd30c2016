/** Authorizations and their challenges (RFC 8555 §7.5): who controls a name. */
import type { Transaction } from '../../../kit/store.ts'
import { formatTime } from '../../../kit/time.ts'
import { newId } from '../records.ts'
import { AcmeProblem, malformed } from './problem.ts'
import { authorizations, pendings, type Authorization, type Challenge, type ChallengeType, type Identifier } from './records.ts'
import { verifyAccount, type AcmeAnswer, type AcmeCall, type Context } from './scope.ts'
import { takeOverMs, validateSoon } from './validate.ts'

/** A wildcard is proven in the DNS only, an address by whoever answers there (RFC 8555 §8, RFC 8738). */
function challengeTypes({ type, value }: Identifier): readonly ChallengeType[] {
  if (type === 'ip') return ['http-01', 'tls-alpn-01']
  return value.startsWith('*.') ? ['dns-01'] : ['http-01', 'dns-01', 'tls-alpn-01']
}

export function newAuthorization({ random }: Pick<AcmeCall, 'random'>, accountId: string, identifier: Identifier, expiresAt: number): Authorization {
  const isWildcard = identifier.type === 'dns' && identifier.value.startsWith('*.')
  return {
    id: newId(random), accountId, status: 'pending', isWildcard, expiresAt,
    identifier: isWildcard ? { type: 'dns', value: identifier.value.slice(2) } : identifier,
    token: Buffer.from(random(32)).toString('base64url'),
    challenges: challengeTypes(identifier).map((type) => ({ type, status: 'pending', validatedAt: null, error: null })),
  }
}

const challengeUrl = ({ base }: Context, { id }: Authorization, type: string): string => `${base}challenge/${id}/${type}`

const shownChallenge = (context: Context, authorization: Authorization, challenge: Challenge): object => ({
  type: challenge.type, url: challengeUrl(context, authorization, challenge.type), status: challenge.status, token: authorization.token,
  ...(challenge.validatedAt === null ? {} : { validated: formatTime(challenge.validatedAt) }), ...(challenge.error === null ? {} : { error: challenge.error }),
})

function shown(context: Context, authorization: Authorization): object {
  const { status, identifier, isWildcard, expiresAt, challenges } = authorization
  const isOver = status === 'pending' && expiresAt < context.call.now
  // What was tried is shown alone: the others are of no use any more.
  const tried = challenges.filter((one) => one.status === 'valid' || one.status === 'invalid')
  return {
    identifier, status: isOver ? 'expired' : status, expires: formatTime(expiresAt), ...(isWildcard ? { wildcard: true } : {}),
    challenges: (status === 'pending' || tried.length === 0 ? challenges : tried).map((one) => shownChallenge(context, authorization, one)),
  }
}

/** Clients wait five seconds where nothing is said; what is under way is mostly done in one. */
const askAgain = ({ status }: Authorization): readonly (readonly [string, string])[] => (status === 'pending' ? [['Retry-After', '1']] : [])

async function own({ call }: Context, accountId: string, id: string): Promise<Authorization> {
  const found = await authorizations.read(call.store, id)
  if (found === null || found.accountId !== accountId) throw new AcmeProblem('malformed', 'authorization does not exist', 404)
  return found
}

export async function showAuthorization(context: Context, id: string): Promise<AcmeAnswer> {
  const { jws, account } = await verifyAccount(context, `authorization/${id}`)
  const found = await own(context, account.id, id)
  const wish = jws.payload?.['status']
  if (wish === undefined) return { body: shown(context, found), headers: askAgain(found) }
  if (wish !== 'deactivated') throw malformed('the status of an authorization can only become "deactivated"')
  const next: Authorization = { ...found, status: 'deactivated' }
  authorizations.write(context.call.store, next, id)
  return { body: shown(context, next) }
}

export async function tryChallenge(context: Context, id: string, type: string): Promise<AcmeAnswer> {
  const { call } = context
  const { jws, account } = await verifyAccount(context, `challenge/${id}/${type}`)
  const found = await own(context, account.id, id)
  const challenge = found.challenges.find((one) => one.type === type)
  if (challenge === undefined) throw new AcmeProblem('malformed', 'challenge does not exist', 404)
  const isStarted = jws.payload !== null && found.status === 'pending' && challenge.status === 'pending' && found.expiresAt >= call.now
  const next = isStarted ? start(call.store, found, challenge, call.now) : { authorization: found, challenge }
  if (isStarted) validateSoon(call, found.id)
  const links: readonly (readonly [string, string])[] = [['Link', `<${context.base}directory>;rel="index"`], ['Link', `<${context.base}authorization/${id}>;rel="up"`]]
  return { body: shownChallenge(context, next.authorization, next.challenge), headers: [...links, ...askAgain(next.authorization)] }
}

function start(store: Transaction, authorization: Authorization, challenge: Challenge, now: number): { readonly authorization: Authorization; readonly challenge: Challenge } {
  const started: Challenge = { ...challenge, status: 'processing' }
  const next: Authorization = { ...authorization, challenges: authorization.challenges.map((one) => (one === challenge ? started : one)) }
  authorizations.write(store, next, next.id)
  pendings.write(store, { authorization: next.id, type: challenge.type, attempts: 0, nextAt: now + takeOverMs }, next.id)
  return { authorization: next, challenge: started }
}
