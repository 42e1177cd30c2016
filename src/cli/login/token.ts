/** Login with a token: nothing is created; the server says what it knows of the token. */
import { ExactNumber } from '../../../client/src/exact-json.ts'
import { step } from '../describe-failure.ts'
import { remoteError } from '../failure.ts'
import { parseBool } from '../flags.ts'
import { numberOf, objectOf, secretOf, textOf, textsOf, type WireAuth, type WireSecret } from '../secret.ts'
import type { LoginRequest } from './method.ts'

export async function loginWithToken({ api, values, ask }: LoginRequest): Promise<WireSecret> {
  const lookup = values['lookup'] === undefined ? true : parseBool(values['lookup'])
  if (lookup === null) throw remoteError('Error authenticating: "lookup" must be true or false')
  const token = (values['token'] ?? (await ask('Token (will be hidden): ', 'token'))).trim()
  if (token === '') throw remoteError('Error authenticating: a token must be given')
  if (!lookup) return { ...secretOf(null), auth: unknownAuth(token) }
  const asking = api.withToken(token).read('auth/token/lookup-self', { wrap: false })
  const facts = await step('Error authenticating: error looking up token', () => asking)
  if (facts?.data == null) throw remoteError('Error authenticating: empty response from lookup-self')
  return { ...secretOf(null), auth: authFrom(facts.data, token) }
}

const unknownAuth = (token: string): WireAuth => ({
  client_token: token,
  accessor: '',
  policies: null,
  token_policies: null,
  identity_policies: null,
  metadata: null,
  orphan: false,
  entity_id: '',
  lease_duration: new ExactNumber('0'),
  renewable: false,
  mfa_requirement: null,
})

/** What a lookup says, in the shape of what a login returns. */
function authFrom(data: NonNullable<WireSecret['data']>, token: string): WireAuth {
  const own = textsOf(data['policies']) ?? []
  const identity = textsOf(data['identity_policies']) ?? []
  return {
    ...unknownAuth(token),
    client_token: textOf(data['id']) || token,
    accessor: textOf(data['accessor']),
    policies: [...new Set([...own, ...identity])].toSorted(),
    token_policies: own,
    identity_policies: identity.length > 0 ? identity : null,
    metadata: objectOf(data['meta']),
    lease_duration: numberOf(data['ttl']),
    renewable: data['renewable'] === true,
  }
}
