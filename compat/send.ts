/** Sends one step of a scenario as the plain client that it describes, and reads the answer. */
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { fill, fillBody, type Answer, type Json, type Step, type Values } from './scenario.ts'

const answerTimeout = 30_000
const upgradeTries = 60
const pause = (milliseconds: number): Promise<void> => new Promise((done) => setTimeout(done, milliseconds))

/** Sends a step; a mount that is being upgraded is asked again for three seconds. Rejects when no answer comes. */
export async function send(step: Step, values: Values): Promise<Answer> {
  if (step.wait) await pause(step.wait)
  for (let tries = 0; ; tries++) {
    const answer = await sendOnce(step, values)
    if (tries === upgradeTries || answer.status !== 400 || !/Upgrading from non-versioned/.test(answer.text)) return answer
    await pause(50)
  }
}

function headersOf(step: Step, values: Values, body: Buffer | undefined): Record<string, string> {
  const headers = new Map<string, [name: string, value: string]>()
  const set = (name: string, value: string): void => void headers.set(name.toLowerCase(), [name, value])
  if (step.token !== 'none') set('X-Vault-Token', fill(step.token ?? '${root}', values))
  if (body) set('Content-Type', step.method === 'PATCH' ? 'application/merge-patch+json' : 'application/json')
  for (const [name, value] of step.headers ?? []) {
    if (value) set(name, fill(value, values))
    else headers.delete(name.toLowerCase())
  }
  if (body) set('Content-Length', String(body.length))
  return Object.fromEntries(headers.values())
}

function sendOnce(step: Step, values: Values): Promise<Answer> {
  const { hostname, port } = new URL(values['addr'] ?? '')
  const path = fill(step.path, values).replace(/[^\x21-\x7e]/gu, encodeURIComponent)
  const body = step.body === undefined ? undefined : Buffer.from(fillBody(step.body, values))
  const headers = headersOf(step, values, body)
  return new Promise((resolve, reject) => {
    const target = { hostname, port, method: step.method, path: path.startsWith('/') ? path : `/v1/${path}`, headers }
    const request = httpRequest({ ...target, agent: false, timeout: answerTimeout }, (response) => {
      const chunks: Buffer[] = []
      const finish = (): void => resolve(readAnswer(response, Buffer.concat(chunks).toString('utf8')))
      response.on('data', (chunk: Buffer) => chunks.push(chunk)).on('end', finish).on('error', finish)
    })
    request.on('timeout', () => request.destroy(new Error(`no answer within ${answerTimeout / 1000} s`))).on('error', reject)
    request.end(body)
  })
}

const keptHeaders = /^(content-type|cache-control|location|retry-after|www-authenticate|allow|x-vault-namespace|access-control-.*)$/

function readAnswer(response: IncomingMessage, text: string): Answer {
  const headers = Object.entries(response.headers).filter(([name, value]) => keptHeaders.test(name) && typeof value === 'string')
  const answer = { status: response.statusCode ?? 0, headers: Object.fromEntries(headers) as Record<string, string>, text }
  const body = /^\s*[[{]/.test(text) ? parseExactJson(text) : undefined
  return body === undefined ? answer : { ...answer, body }
}

/** Parses JSON; a number that JavaScript would change (1e400, 1.0, 12345678901234567890) becomes "<number 1e400>". */
function parseExactJson(text: string): Json | undefined {
  const token = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g
  const exact = text.replace(token, (part) => (part.startsWith('"') || String(Number(part)) === part ? part : `"<number ${part}>"`))
  try {
    return JSON.parse(exact) as Json
  } catch {
    return undefined // then it is compared as text
  }
}
