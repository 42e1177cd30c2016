/** `kill -9` while a snapshot is being restored, keys are rotated, or new shares take the place of old ones: afterwards there is the state of before or the one of after, and all of it. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { seededRandom } from '../storage/seeded.ts'
import { checkFolder } from './testing/crash-rounds.ts'
import { ask, freePort, inPlace, killTree, type Place, type RunningServer } from './testing/process.ts'
import { Connection } from './workers/testing/crew.ts'

const rounds = Number(process.env['COFFER_KEY_CRASHES'] ?? 4)
const names = Array.from({ length: 30 }, (_, i) => `secret/data/n${i}`)

/** All secrets have the same value, which says which state this is. */
async function write(one: Connection, value: string): Promise<void> {
  for (const name of names) await one.ok('POST', name, { data: { value } })
}

async function readAll(one: Connection): Promise<string> {
  const found = new Set<string>()
  for (const name of names) found.add((((await one.ok('GET', name)).data['data'] ?? {}) as { value: string }).value)
  assert.equal(found.size, 1, `parts of two states: ${[...found].join()}`)
  return [...found].join()
}

/** Kills the server at some moment within so many milliseconds from the call on; resolves with what the call came to before that, or null. */
async function killDuring<T>(server: RunningServer, withinMs: number, random: () => number, call: () => Promise<T>): Promise<T | null> {
  const called = call().catch(() => null)
  await pause(random() * withinMs)
  await killTree(server.child)
  return await called
}

const connected = async (port: number, token: string, work: (one: Connection) => Promise<void>): Promise<void> => {
  const one = new Connection(port, token)
  await work(one).finally(() => one.close())
}

test('after kill -9 during the restoring of a snapshot there is all of the old state or all of the new one', (t) => inPlace(async (place) => {
  const [random, port] = [seededRandom(1), await freePort()]
  const args = ['-data=d', `-listen=127.0.0.1:${port}`, '-workers=2', '-dev-no-store-token']
  let server = await place.started(args)
  const token = /^Root token: (hvs\.\S{24})$/m.exec(server.out())?.[1] ?? ''
  const at = `http://127.0.0.1:${port}/v1/sys/storage/raft/snapshot`
  await connected(port, token, (one) => write(one, 'then'))
  const saved = new Uint8Array(await (await fetch(at, { headers: { 'x-vault-token': token } })).arrayBuffer())
  const restore = async (): Promise<number> => {
    const { status } = await fetch(at, { method: 'POST', headers: { 'x-vault-token': token }, body: saved })
    return status
  }
  await connected(port, token, (one) => write(one, 'now'))
  const begun = performance.now()
  assert.equal(await restore(), 204)
  const takes = performance.now() - begun
  const came: string[] = []
  for (let round = 0; round < rounds; round++) {
    await connected(port, token, (one) => write(one, `now ${round}`))
    const status = await killDuring(server, takes * 1.2, random, restore)
    await checkFolder(join(place.folder, 'd'))
    server = await place.started(args)
    await connected(port, token, async (one) => {
      const found = await readAll(one)
      assert.ok(status === 204 ? found === 'then' : ['then', `now ${round}`].includes(found), `${found} after ${status}`)
      came.push(found === 'then' ? 'new' : 'old')
    })
  }
  t.diagnostic(`${came.join()}; a restoring takes ${Math.round(takes)} ms`)
  assert.equal((await server.stop()).code, 0)
}))

interface Shared {
  readonly base: string
  readonly start: () => Promise<RunningServer>
}

/** A server whose key one person holds. */
async function sharedIn(place: Place): Promise<Shared> {
  const port = await freePort()
  place.file('c.hcl', `storage "lmdb" { path = "d" }\nlistener "tcp" {\n address = "127.0.0.1:${port}"\n tls_disable = true\n}\nworkers = 2\n`)
  return { base: `http://127.0.0.1:${port}/v1`, start: () => place.started(['-config=c.hcl']) }
}

type Body = Readonly<Record<string, unknown>>

async function put(base: string, path: string, body: object, token = ''): Promise<Body | null> {
  const { status, text } = await ask(`${base}/${path}`, { method: 'PUT', body, ...(token === '' ? {} : { token }) })
  return status >= 300 ? null : text === '' ? {} : (JSON.parse(text) as Body)
}

test('after kill -9 during the verification of new shares, the old ones unseal or the new ones do, and after kill -9 during a rotation everything can be read', (t) => inPlace(async (place) => {
  const [random, { base, start }] = [seededRandom(2), await sharedIn(place)]
  let server = await start()
  const made = await put(base, 'sys/init', { secret_shares: 1, secret_threshold: 1 })
  assert.ok(made !== null)
  let [key] = made['keys'] as [string]
  const token = String(made['root_token'])
  const isUnsealedBy = async (share: string): Promise<boolean> => (await put(base, 'sys/unseal', { key: share }))?.['sealed'] === false
  assert.ok(await isUnsealedBy(key))
  await put(base, 'sys/mounts/secret', { type: 'kv' }, token)
  await put(base, 'secret/kept', { value: 'kept' }, token)
  const came: string[] = []
  for (let round = 0; round < rounds; round++) {
    const { nonce } = (await put(base, 'sys/rekey/init', { secret_shares: 1, secret_threshold: 1, require_verification: true }, token)) as { nonce: string }
    const rekeyed = await put(base, 'sys/rekey/update', { key, nonce }, token)
    assert.ok(rekeyed !== null)
    const [next] = rekeyed['keys'] as [string]
    const verified = await killDuring(server, 30, random, () => put(base, 'sys/rekey/verify', { key: next, nonce: rekeyed['verification_nonce'] }, token))
    server = await start()
    const isNew = await isUnsealedBy(next)
    assert.ok(isNew || (verified === null && (await isUnsealedBy(key))), 'neither unseals')
    came.push(isNew ? 'new' : 'old')
    key = isNew ? next : key
    await killDuring(server, 30, random, () => put(base, 'sys/rotate', {}, token))
    server = await start()
    assert.ok(await isUnsealedBy(key))
    assert.match((await ask(`${base}/secret/kept`, { token })).text, /"value":"kept"/)
    assert.notEqual(await put(base, `secret/after-${round}`, { value: 'x' }, token), null)
  }
  t.diagnostic(came.join())
  assert.equal((await server.stop()).code, 0)
}))
