/** Things that may happen N times, tried a thousand times at once over all workers. */
import assert from 'node:assert/strict'
import type { Answer, Connection } from './crew.ts'

export const tries = 1_000

interface Chance {
  /** How often it may happen. */
  readonly times: number
  readonly attempt: (one: Connection, n: number) => Promise<Answer>
  /** Default: the status is 200. */
  readonly isDone?: (answer: Answer) => boolean
}

type Make = (first: Connection, round: number) => Promise<Chance>

const textOf = (found: unknown, name: string): string => String((found as Readonly<Record<string, unknown>> | null)?.[name])

const chances: Readonly<Record<string, Make>> = {
  async 'uses of a token'(first, round) {
    const times = [1, 2, 7][round % 3] ?? 1
    const { body } = await first.ok('POST', 'auth/token/create', { policies: ['root'], ttl: '1h', num_uses: times })
    const token = textOf(body['auth'], 'client_token')
    return { times, attempt: (one) => one.ask('GET', 'secret/data/guarded', undefined, token) }
  },
  async 'logins with a secret id'(first, round) {
    const times = 1 + (round % 3)
    await first.ok('POST', 'auth/approle/role/app', { role_id: 'role', secret_id_num_uses: times })
    const secretId = textOf((await first.ok('POST', 'auth/approle/role/app/secret-id')).data, 'secret_id')
    return { times, attempt: (one) => one.ask('POST', 'auth/approle/login', { role_id: 'role', secret_id: secretId }, '') }
  },
  async 'unwrapping'(first) {
    const { body } = await first.ask('POST', 'sys/wrapping/wrap', { value: 'guarded' }, first.token, { 'x-vault-wrap-ttl': '1h' })
    const token = textOf(body['wrap_info'], 'token')
    return { times: 1, attempt: (one, n) => (n % 2 === 0 ? one.ask('POST', 'sys/wrapping/unwrap', { token }) : one.ask('POST', 'sys/wrapping/unwrap', {}, token)) }
  },
  async 'checking and setting'(_, round) {
    const [name, cas] = [`secret/data/cas-${Math.floor(round / 5)}`, round % 5]
    return { times: 1, attempt: (one, n) => one.ask('POST', name, { options: { cas }, data: { n } }) }
  },
  async 'a one-time code'(first, round) {
    const name = `key-${round}`
    await first.ok('POST', `totp/keys/${name}`, { generate: true, issuer: 'test', account_name: name, skew: 1 })
    const code = textOf((await first.ok('GET', `totp/code/${name}`)).data, 'code')
    return { times: 1, attempt: (one) => one.ask('POST', `totp/code/${name}`, { code }), isDone: ({ status, data }) => status === 200 && data['valid'] === true }
  },
}

/** Resolves with the number of tries, all of which were as they should be. */
export async function tryOnce(all: readonly [Connection, ...Connection[]], rounds: number): Promise<number> {
  const [first] = all
  await first.ok('POST', 'secret/data/guarded', { data: { a: 1 } })
  await first.ok('POST', 'sys/mounts/totp', { type: 'totp' })
  await first.ok('POST', 'sys/auth/approle', { type: 'approle', config: { user_lockout_config: { lockout_disable: true } } })
  for (let round = 0; round < rounds; round++) for (const [name, make] of Object.entries(chances)) await race(all, await make(first, round), `${name}, round ${round}`)
  return rounds * tries * Object.keys(chances).length
}

async function race(all: readonly Connection[], { times, attempt, isDone = ({ status }) => status === 200 }: Chance, what: string): Promise<void> {
  const answers = await Promise.all(Array.from({ length: tries }, (_, n) => attempt(all[n % all.length] as Connection, n)))
  const others = answers.filter((answer) => !isDone(answer))
  assert.equal(tries - others.length, times, what)
  // A refusal is the caller's matter; the server has none of its own.
  assert.deepEqual(others.filter(({ status }) => status !== 400 && status !== 403 && status !== 200), [], what)
}
