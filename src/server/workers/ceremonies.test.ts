/** Shares are gathered by one worker. When it dies, so do they: the operator is told so plainly, and begins again. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { withConfiguredCrew, type Connection } from './testing/crew.ts'

const workers = 2
const skip = process.platform === 'linux' ? false : 'needs /proc of Linux'

test('shares die with the worker that gathers them, which is said, and the same shares count when they are given again', { skip }, () => withConfiguredCrew(workers, '', async (crew) => {
  let served = workers
  /** The one that has served for longest, which gathers. */
  const killGatherer = async (): Promise<Connection> => {
    process.kill(crew.workers()[0] as number, 'SIGKILL')
    served += 1
    await crew.served(served)
    return (await crew.connect(1))[0] as Connection
  }
  const [first] = (await crew.connect(1)) as [Connection]
  const { body } = await first.ok('PUT', 'sys/init', { secret_shares: 3, secret_threshold: 2 })
  const [keys, token] = [body['keys'] as readonly string[], String(body['root_token'])]
  const give = async (one: Connection, key: string | undefined): Promise<unknown> => (await one.ok('PUT', 'sys/unseal', { key })).body['progress']

  assert.equal(await give(first, keys[0]), 1)
  let one = await killGatherer()
  assert.equal((await one.ok('GET', 'sys/seal-status')).body['progress'], 0)
  assert.equal(await give(one, keys[1]), 1, 'the share that was given before does not count')
  assert.equal((await one.ok('PUT', 'sys/unseal', { key: keys[0] })).body['sealed'], false)

  for (const [begin, update, status] of [['rekey/init', 'rekey/update', 'rekey/init'], ['generate-root/attempt', 'generate-root/update', 'generate-root/attempt']] as const) {
    one.token = token
    const { nonce } = (await one.ok('PUT', `sys/${begin}`, begin === 'rekey/init' ? { secret_shares: 1, secret_threshold: 1 } : {})).body
    assert.equal((await one.ok('PUT', `sys/${update}`, { key: keys[0], nonce })).body['progress'], 1)
    one = await killGatherer()
    one.token = token
    assert.equal((await one.ok('GET', `sys/${status}`)).body['started'], false)
    const refused = await one.ask('PUT', `sys/${update}`, { key: keys[1], nonce })
    assert.equal(refused.status, 400)
    assert.match(refused.text, /no (?:barrier rekey|root generation) in progress/)
  }
  assert.equal((await crew.server.stop()).code, 0)
}))
