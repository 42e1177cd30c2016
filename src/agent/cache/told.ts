/** What an answer says of a lease or of a new token. */
import { parseEnvelope, type Secret } from '../../../client/src/envelope.ts'
import { isJson, type ProxyAnswer } from '../proxy/message.ts'

export interface Told {
  /** '' where it is a token that was told. */
  readonly leaseId: string
  /** Where it is no lease. */
  readonly token: string
  readonly accessor: string
  /** Of a token: it outlives the token that made it. */
  readonly isOrphan: boolean
  readonly seconds: number
}

/** Larger answers are passed on and nothing more. */
const answerBytesMax = 1_048_576

/** What a good answer holds; null for every other one. */
export function secretIn(answer: ProxyAnswer): Secret<unknown> | null {
  if (answer.status >= 300 || !isJson(answer) || answer.body.length > answerBytesMax) return null
  try {
    return parseEnvelope(Buffer.from(answer.body).toString('utf8'), false)
  } catch {
    return null
  }
}

/** Null for what cannot be renewed, and for everything without a lease. */
export function toldIn({ leaseId, leaseDuration, renewable, auth }: Secret<unknown>): Told | null {
  if (leaseId !== '') return renewable ? { leaseId, token: '', accessor: '', isOrphan: false, seconds: leaseDuration } : null
  if (auth === null || auth.clientToken === '' || !auth.renewable) return null
  return { leaseId, token: auth.clientToken, accessor: auth.accessor, isOrphan: auth.orphan, seconds: auth.leaseDuration }
}

/** A secret without a lease, as KV has them: neither a login, nor wrapped. */
export const isPlain = ({ data, auth, wrapInfo, leaseId }: Secret<unknown>): boolean => data instanceof Object && auth === null && wrapInfo === null && leaseId === ''
