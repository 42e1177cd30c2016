/** Clients that send what becomes many times as large when it is read, beside others that write and remember what was acknowledged. */
import assert from 'node:assert/strict'
import { Agent, request } from 'node:http'
import { join } from 'node:path'
import { type Connection, type RunningCrew } from '../workers/testing/crew.ts'
import { checkFolder } from './crash-rounds.ts'

/** Within all limits, and twenty times as large once it is read. Bodies are read one after the other: even the little memory of the test is enough for each alone. */
const large = `{"data":{"a":[${'{},'.repeat(490_000)}1]}}`
/** Too much by itself: objects with a key that no other one has take some hundred bytes. */
const hostile = `{"data":{"a":[${Array.from({ length: 490_000 }, (_, i) => `{"k${i}":0}`).join()}]}}`

/** The status, or 0 when the connection broke. */
function post({ port }: RunningCrew, agent: Agent, token: string, path: string, body: string): Promise<number> {
  return new Promise((resolve) => {
    const sent = request({ agent, port, method: 'POST', path: `/v1/${path}`, headers: { 'x-vault-token': token, 'content-length': Buffer.byteLength(body) } }, (response) => {
      response.resume().on('close', () => resolve(response.complete ? (response.statusCode ?? 0) : 0))
    })
    sent.on('error', () => resolve(0)).end(body)
  })
}

async function attack(crew: RunningCrew, token: string, body: string, count: number): Promise<number[]> {
  const agent = new Agent({ maxSockets: count })
  return await Promise.all(Array.from({ length: count }, () => post(crew, agent, token, 'secret/data/hostile', body)))
}

/** Writes numbers, one after the other, until told to end. Resolves with the last that was acknowledged and the last that was tried. */
async function writeOn(crew: RunningCrew, name: string, isOver: () => boolean): Promise<{ readonly acknowledged: number; readonly tried: number }> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  let [acknowledged, tried] = [0, 0]
  while (!isOver() || acknowledged === 0) {
    tried += 1
    const status = await post(crew, agent, crew.rootToken, `secret/data/${name}`, JSON.stringify({ data: { tried } }))
    assert.ok([0, 200, 503].includes(status), `${status}`)
    if (status === 200) acknowledged = tried
  }
  agent.destroy()
  return { acknowledged, tried }
}

/** Attacks a server of two workers, which has too little memory for it, so that one ends, as `how` says; nothing that others wrote meanwhile is missing. */
export async function exhaust(crew: RunningCrew, how: RegExp): Promise<void> {
  const before = crew.workers()
  assert.deepEqual(new Set(await attack(crew, `hvs.${'x'.repeat(24)}`, large, 8)), new Set([403]))
  assert.deepEqual(crew.workers(), before)
  let isOver = false
  const writing = [1, 2, 3, 4].map((n) => writeOn(crew, `own-${n}`, () => isOver))
  const found = await attack(crew, crew.rootToken, hostile, 24)
  assert.ok(found.every((status) => [0, 200, 413, 503].includes(status)), found.join())
  isOver = true
  const written = await Promise.all(writing)
  await crew.server.printed(how)
  await crew.served(3)
  const [fresh] = (await crew.connect(2)) as [Connection]
  for (const [i, { acknowledged, tried }] of written.entries()) {
    const value = Number(((await fresh.ok('GET', `secret/data/own-${i + 1}`)).data['data'] as { tried: number }).tried)
    assert.ok(value >= acknowledged && value <= tried, `${value}, acknowledged ${acknowledged}, tried ${tried}`)
  }
  assert.equal((await crew.server.stop()).code, 0)
  await checkFolder(join(crew.place.folder, 'd'))
}
