/** Access tokens of OAuth 2.0, asked for when they are needed and kept until shortly before they end. */
import { refusedBy, textIn, type RemoteAnswer, type SendRemote } from './remote.ts'

/** Credentials are asked for anew so long before the old ones end. */
const marginMs = 60_000

export interface TokenRequest {
  readonly url: string
  /** The fields of the form; made at each request, because some hold the time. */
  readonly form: () => Readonly<Record<string, string>>
}

/** The function throws `SealUnreachable`. */
export function accessTokens(service: string, send: SendRemote, { url, form }: TokenRequest, now: () => number): () => Promise<string> {
  let known: { readonly token: string; readonly until: number } | null = null
  return async () => {
    if (known !== null && now() < known.until) return known.token
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    const answer = await send({ method: 'POST', url, headers, body: new URLSearchParams(form()).toString() })
    if (answer.status !== 200) throw refusedBy(service, answer, 'give an access token')
    known = { token: textIn(service, answer.json, 'access_token'), until: now() + lifeOf(answer) - marginMs }
    return known.token
  }
}

/** Azure writes the number as a text in some places. */
const lifeOf = ({ json }: RemoteAnswer): number => (Number(json?.['expires_in']) || 0) * 1000
