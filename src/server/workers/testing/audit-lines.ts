/** Many requests over real connections, some of whose clients go amid them, and whether the audit file has the two lines of each. */
import assert from 'node:assert/strict'
import { createReadStream } from 'node:fs'
import { Agent, request } from 'node:http'
import { createInterface } from 'node:readline'
import { seededRandom } from '../../../storage/seeded.ts'
import type { RunningCrew } from './crew.ts'

const clients = 24
const prefix = 'secret/data/audited-'
/** One of so many breaks off. */
const breaksOneOf = 10

/** How a client goes: before its body is sent whole, right after, or when the first of the answer comes. */
const breaks = ['amid the body', 'after the body', 'at the answer'] as const
type Break = (typeof breaks)[number]

/** Sends them, each with a path of its own, and resolves with the paths of those that were answered. */
export async function askMany({ port, rootToken }: RunningCrew, count: number, seed: number): Promise<ReadonlySet<string>> {
  const random = seededRandom(seed)
  const answered = new Set<string>()
  let next = 0
  await Promise.all(Array.from({ length: clients }, async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    for (let n = next++; n < count; n = next++) {
      const path = `${prefix}${n}`
      // Some are refused: they are recorded as well.
      const token = n % 7 === 0 ? 'hvs.nobody' : rootToken
      const way = Math.floor(random() * breaksOneOf) === 0 ? breaks[Math.floor(random() * breaks.length)] : undefined
      if (await askOne(agent, { port, token, path, isWrite: n % 3 === 0 }, way)) answered.add(path)
    }
    agent.destroy()
  }))
  return answered
}

interface Asked {
  readonly port: number
  readonly token: string
  readonly path: string
  readonly isWrite: boolean
}

/** Resolves with whether the whole answer came. */
function askOne(agent: Agent, { port, token, path, isWrite }: Asked, way: Break | undefined): Promise<boolean> {
  const body = isWrite ? '{"data":{"a":"1"}}' : ''
  let hasBegun = false
  return new Promise((resolve) => {
    const sent = request({ agent, host: '127.0.0.1', port, method: isWrite ? 'POST' : 'GET', path: `/v1/${path}`, headers: { 'x-vault-token': token, 'content-length': Buffer.byteLength(body) } }, (response) => {
      hasBegun = true
      if (way === 'at the answer') sent.destroy()
      response.resume().on('close', () => resolve(response.complete && way === undefined))
    })
    sent.on('error', () => resolve(false)).on('close', () => void (hasBegun || resolve(false)))
    if (way !== 'amid the body' || !isWrite) return void sent.end(body, () => void (way === 'after the body' && sent.destroy()))
    sent.write(body.slice(0, 5), () => sent.destroy())
  })
}

interface Lines {
  readonly path: string
  requests: number
  responses: number
}

interface Line {
  readonly type: string
  readonly request?: { readonly id: string; readonly path: string }
}

/** Fails unless each request of the file has one line and its answer another, and those that were answered are in it. Resolves with how many requests it has. */
export async function checkLines(file: string, answered: ReadonlySet<string>): Promise<number> {
  const found = new Map<string, Lines>()
  for await (const text of createInterface(createReadStream(file))) {
    const { type, request: asked } = JSON.parse(text) as Line
    if (asked === undefined || !asked.path.startsWith(prefix)) continue
    const lines = found.get(asked.id) ?? { path: asked.path, requests: 0, responses: 0 }
    found.set(asked.id, lines)
    assert.equal(asked.path, lines.path)
    if (type === 'request') lines.requests += 1
    else lines.responses += 1
  }
  const missing = new Set(answered)
  for (const [id, { path, requests, responses }] of found) {
    assert.deepEqual([requests, responses], [1, 1], `${id} ${path}`)
    missing.delete(path)
  }
  assert.deepEqual([...missing], [])
  return found.size
}
