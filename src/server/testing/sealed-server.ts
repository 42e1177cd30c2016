/** Servers whose seals are said at each start, for tests: initialised, watched until they are unsealed, asked whether they work. */
import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import { ask, freePort, type Place, type RunningServer } from './process.ts'

export interface Inner {
  readonly base: string
  readonly start: (...seals: readonly string[]) => Promise<RunningServer>
}

export const listener = (port: number): string => `listener "tcp" {\n address = "127.0.0.1:${port}"\n tls_disable = true\n}\n`

/** A server whose seals are said at each start. */
export async function innerIn(place: Place): Promise<Inner> {
  const port = await freePort()
  const start = async (...seals: readonly string[]): Promise<RunningServer> => {
    place.file('inner.hcl', `storage "lmdb" { path = "inner" }\n${listener(port)}${seals.join('\n')}\n`)
    return await place.started(['-config=inner.hcl'])
  }
  return { base: `http://127.0.0.1:${port}/v1`, start }
}

export async function initialize({ base }: Inner): Promise<{ token: string; recovery: string }> {
  const { text } = await ask(`${base}/sys/init`, { method: 'PUT', body: { recovery_shares: 1, recovery_threshold: 1 } })
  const { root_token: token, recovery_keys: [recovery = ''] } = JSON.parse(text) as { root_token: string; recovery_keys: string[] }
  assert.ok(token, text)
  return { token, recovery }
}

interface Status {
  readonly sealed: boolean
  readonly type: string
}
export const statusOf = async ({ base }: Inner): Promise<Status> => {
  const { sealed, type } = JSON.parse((await ask(`${base}/sys/seal-status`)).text) as Status
  return { sealed, type }
}
export const works = async ({ base }: Inner, token: string): Promise<boolean> => (await ask(`${base}/auth/token/lookup-self`, { token })).status === 200

/** Until it is unsealed; fails after a time that no retry needs. */
async function untilUnsealed(inner: Inner): Promise<void> {
  for (const deadline = Date.now() + 20_000; (await statusOf(inner)).sealed; await pause(50)) assert.ok(Date.now() < deadline, 'it stays sealed')
}

export const newKeyFile = (place: Place): string => {
  assert.equal(place.shell('head -c 32 /dev/urandom > new.key; chmod 600 new.key').code, 0)
  return 'seal "keyfile" { path = "new.key" }'
}

/** Until every worker serves: a server that was opened by its seal tells its workers one after the other. Fails after a time that none of them needs. */
export async function untilOpen(inner: Inner, token: string): Promise<void> {
  await untilUnsealed(inner)
  let inARow = 0
  for (const deadline = Date.now() + 20_000; inARow < 4; inARow = (await works(inner, token)) ? inARow + 1 : 0) assert.ok(Date.now() < deadline, 'a worker stays sealed')
}
