/** Keeps what a cached answer told of alive, for as long as the server lets it live. */
import { reasonOf } from '../auth/keeper.ts'
import { pause, type AgentHost } from '../host.ts'
import type { Forward, ProxyAnswer } from '../proxy/message.ts'
import type { Entry } from './entries.ts'
import { secretIn, toldIn } from './told.ts'

export interface RenewalWorld {
  readonly forward: Forward
  readonly host: AgentHost
}

/** Of the life that is left: when it is renewed. */
const renewAt = 2 / 3
/** Of its first life: with less left it is taken for ended, so that who asks next gets a new one in time. */
const graceAt = 0.1
const secondsMin = 1

/** Resolves when it is gone, or is about to end. */
export async function keepAlive({ forward, host }: RenewalWorld, entry: Entry, lifeSeconds: number): Promise<void> {
  const { signal } = entry.gone
  const grace = Math.max(secondsMin, lifeSeconds * graceAt)
  let endsAt = host.now() + lifeSeconds * 1000
  for (let left = lifeSeconds; left > grace && !signal.aborted; left = (endsAt - host.now()) / 1000) {
    // The last look is before the grace begins, whatever is left of it.
    await pause(host, Math.max(secondsMin, Math.min(left * renewAt, left - grace)) * 1000, signal)
    if (signal.aborted) return
    const seconds = await renew(forward, host, entry)
    if (seconds === 'ended') return
    if (seconds !== 'no answer') endsAt = host.now() + seconds * 1000
  }
}

/** The seconds that it lives from now on. */
async function renew(forward: Forward, host: AgentHost, entry: Entry): Promise<number | 'ended' | 'no answer'> {
  try {
    const answer = await forward(renewalOf(entry))
    const renewed = secretIn(answer)
    const told = renewed === null ? null : toldIn(renewed)
    if (told !== null) return told.seconds
    host.log('info', 'cache', `a ${entry.kind} of ${entry.path} is renewed no more: ${answer.status}`)
    return isPassing(answer) ? 'no answer' : 'ended'
  } catch (error) {
    host.log('warn', 'cache', `renewing a ${entry.kind} of ${entry.path} failed: ${reasonOf(error)}`)
    return 'no answer'
  }
}

const isPassing = ({ status }: ProxyAnswer): boolean => status >= 500 || status === 429 || status === 412

function renewalOf({ kind, leaseId, token, owner, namespace, gone }: Entry): Parameters<Forward>[0] {
  const [path, body, sender] = kind === 'token' ? (['auth/token/renew-self', {}, token] as const) : (['sys/leases/renew', { lease_id: leaseId }, owner] as const)
  return { method: 'PUT', verb: 'write', path, query: '', namespace, token: sender, headers: { 'content-type': 'application/json' }, body: Buffer.from(JSON.stringify(body)), signal: gone.signal }
}
