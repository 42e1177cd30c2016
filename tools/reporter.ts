/** Reports a test file's events to `tools/test.ts`: one line of JSON for each test that ended, and for each thing that a test told (`t.diagnostic`). */
import { AssertionError } from 'node:assert'
import { inspect } from 'node:util'
import type { TestEvent } from 'node:test/reporters'

/** One test that ended; `failure` and `skip` are texts for the reader. */
export interface TestResult {
  readonly name: string
  readonly line: number | undefined
  readonly nesting: number
  readonly isSuite: boolean
  readonly milliseconds: number
  readonly failure?: string
  readonly skip?: string
}

/** What a test told about itself: figures, mostly. */
export interface Note {
  readonly note: string
}

/** With these Node ends the report of a file. */
const sum = /^(?:tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) [\d.]+$/

const reason = (mark: boolean | string): string => (typeof mark === 'string' && mark !== '' ? mark : 'no reason given')

function failureOf(error: Error): string | undefined {
  if ('failureType' in error && error.failureType === 'subtestsFailed') return undefined
  const cause = error.cause ?? error
  // The properties of a failed assertion only repeat its message.
  const text = cause instanceof AssertionError && cause.stack ? cause.stack : inspect(cause, { depth: 6 })
  return text.replaceAll(/\n +at [^\n]*\bnode:internal\/[^\n]*/g, '')
}

function resultOf(event: TestEvent): TestResult | undefined {
  if (event.type !== 'test:pass' && event.type !== 'test:fail') return undefined
  const { name, line, nesting, details, skip, todo } = event.data
  const isSuite = details.type === 'suite'
  const result = { name, line, nesting, isSuite, milliseconds: details.duration_ms }
  const mark = skip ?? todo
  if (mark !== undefined && mark !== false) return { ...result, skip: reason(mark) }
  if (event.type === 'test:pass') return result
  const failure = failureOf(event.data.details.error)
  return failure === undefined ? undefined : { ...result, failure }
}

export default async function* report(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const event of events) {
    const result = resultOf(event)
    if (result) yield `${JSON.stringify(result)}\n`
    if (event.type === 'test:diagnostic' && !sum.test(event.data.message)) yield `${JSON.stringify({ note: event.data.message } satisfies Note)}\n`
  }
}
