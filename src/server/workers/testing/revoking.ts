/** Tokens that end at one worker while others use them: from the acknowledgement on none of the workers takes one. */
import assert from 'node:assert/strict'
import type { Connection } from './crew.ts'

interface Born {
  readonly client_token: string
  readonly accessor: string
}

const create = async (by: Connection, token = by.token): Promise<Born> =>
  (await by.ok('POST', 'auth/token/create', { policies: ['root'], ttl: '1h' }, token)).body['auth'] as unknown as Born

/** Each makes a token end that descends from, or is, the one that was made. */
const ways: readonly ((at: Connection, born: Born) => Promise<unknown>)[] = [
  (at, { client_token: token }) => at.ok('POST', 'auth/token/revoke', { token }),
  (at, { accessor }) => at.ok('POST', 'auth/token/revoke-accessor', { accessor }),
  (at, { client_token: token }) => at.ok('POST', 'auth/token/revoke-self', {}, token),
]

/**
 * `lanes` are connections to every worker, several lanes at a time. Resolves with the number of uses that began after an acknowledgement, every one of
 * which was refused.
 */
export async function revokeAndUse(lanes: readonly (readonly Connection[])[], rounds: number): Promise<number> {
  let [next, uses] = [0, 0]
  await Promise.all(lanes.map(async (lane) => {
    for (let round = next++; round < rounds; round = next++) {
      const refused = await revokeOnce(lane, round)
      uses += refused
    }
  }))
  return uses
}

const use = async (one: Connection, token: string): Promise<number> => (await one.ask('GET', 'auth/token/lookup-self', undefined, token)).status

async function revokeOnce(lane: readonly Connection[], round: number): Promise<number> {
  const [maker, revoker] = [lane[round % lane.length] as Connection, lane[(round + 1) % lane.length] as Connection]
  const born = await create(maker)
  // Every fourth time it is the child of what is revoked that is used.
  const { client_token: token } = round % 4 === 3 ? await create(maker, born.client_token) : born
  assert.deepEqual(await Promise.all(lane.map((one) => use(one, token))), lane.map(() => 200))
  const racing = lane.filter((one) => one !== revoker).map((one) => use(one, token))
  await ways[round % ways.length]?.(revoker, born)
  const after = await Promise.all(lane.map((one) => use(one, token)))
  assert.deepEqual(after, lane.map(() => 403), `round ${round}`)
  for (const status of await Promise.all(racing)) assert.ok(status === 200 || status === 403, `round ${round}: ${status}`)
  return after.length
}
