/**
 * Records what a server answers to the scenarios: `COFFER_TEST_SERVER='…' node dist/compat/record.js --label NAME [SCENARIO…]`. Each
 * runs on two fresh servers, and what differs between the answers becomes a mask.
 */
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { maskText, maskValue, type MaskNotes } from './mask-answers.ts'
import {
  findMissing, isEnvironmentName, isObject, parseScenario, readEnvironment, takeCaptures,
  type Answer, type Expectation, type Json, type RecordedStep, type Scenario, type Step, type Values,
} from './scenario.ts'
import { send } from './send.ts'
import { projectRoot, startBareServer, startDevServer } from './server.ts'

/** An answer, and the values that were known when its request was sent. */
interface Played {
  readonly answer: Answer
  readonly known: Values
}

const folder = join(projectRoot, 'compat')
const capturedLengthMin = 5
const say = (line: string): void => void process.stdout.write(`${line}\n`)

async function play({ bare, steps }: Scenario, problems: Set<string>): Promise<Played[]> {
  const server = bare ? await startBareServer() : await startDevServer()
  const values: Values = { addr: server.addr, root: server.token, ...readEnvironment(steps) }
  const played: Played[] = []
  try {
    for (const step of steps) {
      for (const name of findMissing(step, values)) problems.add(`${step.title}: nothing is known as ${name}`)
      const known = { ...values }
      const answer = await send(step, values)
      for (const name of takeCaptures(step, answer, values)) problems.add(`${step.title}: nothing to capture as ${name}`)
      played.push({ answer, known })
    }
  } finally {
    await server.stop()
  }
  return played
}

/** Replaces, in every text and key, captured values that differ between the runs by their `${name}`. */
function nameCaptures(answer: Answer, known: Values, other: Values): Answer {
  const isOwn = (name: string): boolean => known[name] !== other[name] || isEnvironmentName(name)
  const names = Object.keys(known).filter((name) => (known[name]?.length ?? 0) >= capturedLengthMin && isOwn(name))
  const rename = (text: string): string => names.reduce((renamed, name) => renamed.replaceAll(known[name] ?? '', `\${${name}}`), text)
  const walk = (value: Json): Json => {
    if (typeof value === 'string') return rename(value)
    if (Array.isArray(value)) return value.map(walk)
    return isObject(value) ? Object.fromEntries(Object.entries(value).map(([key, inner]) => [rename(key), walk(inner)])) : value
  }
  const headers = Object.fromEntries(Object.entries(answer.headers).map(([name, value]) => [name, rename(value)]))
  const renamed = { status: answer.status, headers, text: rename(answer.text) }
  return answer.body === undefined ? renamed : { ...renamed, body: walk(answer.body) }
}

function expectationOf(step: Step, a: Answer, b: Answer, notes: MaskNotes): Expectation {
  const headers = Object.fromEntries(Object.entries(a.headers).map(([name, value]) => [name, maskText(value, b.headers[name] ?? '')]))
  const expect = { status: a.status, headers }
  if (step.ignore?.includes('body')) return expect
  if (a.body !== undefined) return { ...expect, body: maskValue(a.body, b.body ?? null, notes) }
  return a.text ? { ...expect, text: maskText(a.text, b.text) } : expect
}

function merge(step: Step, first: Played, second: Played, problems: Set<string>): RecordedStep {
  const a = nameCaptures(first.answer, first.known, second.known)
  const b = nameCaptures(second.answer, second.known, first.known)
  if (a.status !== b.status) problems.add(`${step.title}: status ${a.status} in one run, ${b.status} in the other`)
  const notes: MaskNotes = { ignore: step.ignore ?? [], unordered: [...(step.unordered ?? [])], doubts: [] }
  const expect = expectationOf(step, a, b, notes)
  for (const doubt of notes.doubts) problems.add(`${step.title}: ${doubt}`)
  return { ...step, ...(notes.unordered.length > 0 && { unordered: notes.unordered }), expect }
}

async function record(name: string, label: string): Promise<number> {
  const problems = new Set<string>()
  const scenario = parseScenario(readFileSync(join(folder, 'scenarios', `${name}.http`), 'utf8'))
  const first = await play(scenario, problems)
  const second = await play(scenario, problems)
  const steps = scenario.steps.map((step, i) => {
    const [one, two] = [first[i], second[i]]
    if (!one || !two) throw new Error(`no answer to "${step.title}"`)
    return merge(step, one, two, problems)
  })
  const recording = { scenario: name, server: label, ...(scenario.bare && { bare: true }), steps }
  writeFileSync(join(folder, 'recordings', `${name}.json`), `${JSON.stringify(recording, null, 1)}\n`)
  say(`${name}: ${steps.length} steps`)
  for (const problem of problems) say(`  ! ${problem}`)
  return problems.size
}

const { values: options, positionals } = parseArgs({ allowPositionals: true, options: { label: { type: 'string', default: '' } } })
const all = readdirSync(join(folder, 'scenarios')).map((file) => file.replace(/\.http$/, ''))
let problems = 0
for (const name of positionals.length > 0 ? positionals : all) problems += await record(name, options.label)
process.exitCode = problems > 0 ? 1 : 0
