/** Keeps an agent logged in: renews the token while it can be renewed, and logs in anew before it ends. */
import type { Client } from '../../../client/src/client.ts'
import { isClientError } from '../../../client/src/errors.ts'
import type { MethodSettings } from '../config/settings.ts'
import { pause, type AgentHost } from '../host.ts'
import type { Metrics } from '../metrics.ts'
import { login, type Granted } from './methods.ts'

export interface Keeping {
  /** Called for each login. Rejects where files of the connection cannot be read. */
  readonly connect: () => Promise<Client>
  readonly method: MethodSettings
  readonly host: AgentHost
  readonly metrics: Metrics
  /** Called with each new token, before anything else is done with it. */
  readonly onToken: (granted: Granted, client: Client) => Promise<void>
}

interface LoggedIn {
  readonly granted: Granted
  readonly client: Client
}

/** Runs until the signal aborts. Throws where the configuration says that a failure to log in is the end. */
export async function keepLoggedIn(keeping: Keeping, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const session = await untilLoggedIn(keeping, signal)
    if (session === null) return
    await keeping.onToken(session.granted, session.client)
    await whileAlive(session, keeping.host, signal)
  }
}

async function untilLoggedIn({ connect, method, host, metrics }: Keeping, signal: AbortSignal): Promise<LoggedIn | null> {
  for (let wait = method.minBackoffSeconds; !signal.aborted; wait = Math.min(wait * 2, method.maxBackoffSeconds)) {
    try {
      host.log('info', 'auth', `logging in with ${method.type}`)
      const client = await connect()
      const granted = await login(client, method)
      metrics.count('auth.success')
      return { granted, client }
    } catch (error) {
      metrics.count('auth.failure')
      host.log('error', 'auth', `login failed: ${reasonOf(error)}`)
      if (method.exitOnError) throw new Error(`login failed: ${reasonOf(error)}`, { cause: error })
      await pause(host, wait * 1000, signal)
    }
  }
  return null
}

/** What the server or a setting says; never what was sent. */
export const reasonOf = (error: unknown): string => (isClientError(error) ? `${error.status === 0 ? '' : `${error.status} `}${error.errors.join(', ')}` : error instanceof Error ? error.message : 'unknown')

/** Of the life that is left: when a token is renewed, and when one that cannot be renewed is replaced. */
const renewAt = 2 / 3
const replaceAt = 0.9

async function whileAlive({ client, granted }: LoggedIn, host: AgentHost, signal: AbortSignal): Promise<void> {
  // A token that does not expire is kept; one that is wrapped is somebody else's.
  if (granted.leaseDuration === 0) return await pauseForever(signal)
  let seconds = granted.leaseDuration
  let expiresAt = host.now() + seconds * 1000
  let renewable = granted.renewable && !granted.wrapped
  while (!signal.aborted && seconds > 1) {
    await pause(host, seconds * 1000 * (renewable ? renewAt : replaceAt), signal)
    if (!renewable || signal.aborted) return
    const renewed = await renew(client, host, granted.clientToken)
    // Who gave no answer may give one soon: a new login might not be possible (a secret id that was removed), so the old token is kept while it lives.
    if (renewed === 'no answer') seconds = (expiresAt - host.now()) / 1000
    else {
      // Near its longest life a renewal gives less and less: then a new login is due.
      renewable = renewed.renewable && renewed.leaseDuration > seconds / 2
      seconds = renewed.leaseDuration
      expiresAt = host.now() + seconds * 1000
    }
  }
}

type Renewed = Pick<Granted, 'leaseDuration' | 'renewable'>

async function renew(client: Client, host: AgentHost, token: string): Promise<Renewed | 'no answer'> {
  try {
    const { auth } = (await client.write('auth/token/renew-self', {}, { token })) ?? {}
    return auth ?? { leaseDuration: 0, renewable: false }
  } catch (error) {
    host.log('warn', 'auth', `renewing the token failed: ${reasonOf(error)}`)
    return isClientError(error) && (error.status === 0 || error.status >= 500) ? 'no answer' : { leaseDuration: 0, renewable: false }
  }
}

const pauseForever = (signal: AbortSignal): Promise<void> => new Promise((resolve) => (signal.aborted ? resolve() : signal.addEventListener('abort', () => resolve(), { once: true })))
