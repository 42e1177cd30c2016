/** The recorded answers of OpenBao, as far as an engine alone can give them: steps about its own paths, with plain JSON or no body. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compare } from '../../compat/compare.ts'
import { readRecording } from '../../compat/replay.ts'
import { fill, type Answer as Compared, type Json as Plain, type RecordedStep } from '../../compat/scenario.ts'
import { parseJson, type Json } from '../kit/json.ts'
import type { Engine } from '../kit/engine.ts'
import { memoryStore } from '../storage/memory.ts'
import { beginTransaction } from '../storage/transaction.ts'
import { cubbyhole } from './cubbyhole/index.ts'
import { kvV1 } from './kv-v1/index.ts'
import { kvV2 } from './kv-v2/index.ts'
import { harness, type Answer } from './testing/harness.ts'

/** The body that the request path would send. */
function bodyOf(answer: Answer): string {
  if (!answer.hasBody) return ''
  // A hint for the wrong path is a 404 with a warning instead of an error; the request path makes it so.
  const isHint = answer.errors?.some((error) => error.startsWith('Invalid path')) === true
  if (answer.errors !== null && !isHint) return JSON.stringify({ errors: answer.errors })
  const warnings = isHint ? answer.errors : answer.warnings.length === 0 ? null : answer.warnings
  const head = { request_id: '8b1d5b5e-1c9f-4a1e-9a53-6d6f0d3f7f10', lease_id: '', renewable: false, lease_duration: answer.leaseSeconds }
  const tail = { wrap_info: null, warnings, auth: null }
  return `${JSON.stringify(head).slice(0, -1)},"data":${answer.text},${JSON.stringify(tail).slice(1)}`
}

const number = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g
function comparable(answer: Answer): Compared {
  const text = bodyOf(answer)
  const exact = text.replace(number, (part) => (part.startsWith('"') || String(Number(part)) === part ? part : `"<number ${part}>"`))
  const head = { status: answer.status, headers: {}, text }
  return text === '' ? head : { ...head, body: JSON.parse(exact) as Plain }
}

/** Steps that are decided before or after the engine: methods, tokens, headers, bodies that are no object, queries that are no fields. */
function isOfEngine(step: RecordedStep, mount: string): boolean {
  const isInside = step.path === mount || step.path.startsWith(`${mount}/`) || step.path.startsWith(`${mount}?`)
  if (!isInside || step.token !== undefined || (step.headers !== undefined && !isForm(step))) return false
  if (!/^(?:GET|PUT|POST|PATCH|DELETE|LIST)$/.test(step.method) || /\?list=(?:maybe|false)/.test(step.path)) return false
  return step.body === undefined || sentBody(step) !== undefined
}

const isForm = ({ headers = [] }: RecordedStep): boolean =>
  headers.length === 1 && headers[0]?.[0] === 'Content-Type' && headers[0][1] === 'application/x-www-form-urlencoded'

/** The object that the wire makes of a body; undefined where it refuses. */
function sentBody(step: RecordedStep): Json | undefined {
  const body = fill(step.body ?? '', {})
  if (isForm(step) && !/^\s*[[{]/.test(body)) {
    const form = new URLSearchParams(body)
    return Object.fromEntries([...form.keys()].map((name) => [name, form.getAll(name).join(',')]))
  }
  try {
    const value = parseJson(body)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined
  } catch {
    return undefined
  }
}

async function replayEngine(engine: Engine, scenario: string, mount: string): Promise<{ count: number; diffs: string[] }> {
  const run = harness({ engine, store: memoryStore(), begin: beginTransaction })
  await run.setUp()
  const steps = readRecording(scenario).steps.filter((step) => isOfEngine(step, mount))
  const diffs: string[] = []
  for (const step of steps) {
    run.clock.now += step.wait ?? 7
    const asList = /\?list=(?:true|1|T)$/.test(step.path)
    const path = step.path.slice(mount.length).replace(/^\//, '')
    const answer = await run.send(asList ? 'LIST' : step.method, path, step.body === undefined ? undefined : sentBody(step))
    const unheaded: RecordedStep = { ...step, expect: { ...step.expect, headers: {} } }
    for (const diff of compare(unheaded, comparable(answer), {}).diffs) diffs.push(`${step.title}: ${diff}`)
  }
  return { count: steps.length, diffs }
}

test('KV version 2 answers as recorded', async () => {
  const { count, diffs } = await replayEngine(kvV2, 'kv2', 'kv')
  assert.deepEqual(diffs, [])
  assert.ok(count >= 130, `only ${count} steps were replayed`)
})

test('KV version 1 answers as recorded', async () => {
  const { count, diffs } = await replayEngine(kvV1, 'kv1', 'kv1')
  assert.deepEqual(diffs, [])
  assert.ok(count > 45, `only ${count} steps were replayed`)
})

test('the cubbyhole answers as recorded', async () => {
  const { count, diffs } = await replayEngine(cubbyhole, 'cubbyhole', 'cubbyhole')
  assert.deepEqual(diffs, [])
  assert.ok(count > 12, `only ${count} steps were replayed`)
})
