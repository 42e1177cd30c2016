/** Compares an answer with the recorded one: status, headers, shape and values of the body. */
import { brief, fits, fitsWhole, isListed, joinPath } from './masks.ts'
import { isObject, type Answer, type Json, type JsonObject, type RecordedStep, type Values } from './scenario.ts'

export interface Comparison {
  /** Differences that a client could trip over. */
  readonly diffs: string[]
  /** Other wordings of errors and warnings. */
  readonly texts: string[]
  /** Keys that only the tested server has. */
  readonly extra: string[]
}

interface Context {
  readonly step: RecordedStep
  readonly values: Values
  readonly report: Comparison
}

export const emptyComparison = (): Comparison => ({ diffs: [], texts: [], extra: [] })

export function compare(step: RecordedStep, answer: Answer, values: Values): Comparison {
  const report = emptyComparison()
  const { status, headers = {}, body, text } = step.expect
  // Some mistakes of the caller were answered with 500 when recorded; a 4xx is as good.
  if (status === 500 && answer.status >= 400 && answer.status < 500) report.texts.push(`status: theirs 500, ours ${answer.status}`)
  else if (status !== answer.status) report.diffs.push(`status: expected ${status}, got ${answer.status} ${brief(answer.text)}`)
  for (const [name, value] of Object.entries(headers)) compareHeader(name, value, answer.headers[name], { step, values, report })
  if (isListed(step.ignore, 'body')) return report
  const expected = body === undefined ? (text ?? '') : undefined
  if (expected === undefined) {
    if (answer.body === undefined) report.diffs.push(`body: expected JSON, got ${brief(answer.text)}`)
    else compareValue(body ?? null, answer.body, '', { step, values, report })
  } else if (!fits(expected, answer.text, values)) report.diffs.push(`body: expected ${brief(expected)}, got ${brief(answer.text)}`)
  return report
}

function compareHeader(name: string, expected: string, actual: string | undefined, { values, report }: Context): void {
  const main = (value: string): string => (name === 'content-type' ? (value.split(';')[0] ?? '').trim() : value)
  if (actual !== undefined && fits(main(expected), main(actual), values)) return
  report.diffs.push(`header ${name}: expected ${brief(expected)}, got ${brief(actual)}`)
}

const wording = /^(errors|warnings)\.\d+$|^(data\.)?error$/

function compareValue(expected: Json, actual: Json, path: string, context: Context): void {
  const { step, report } = context
  if (isListed(step.ignore, path)) return
  if (typeof expected === 'string') return compareText(expected, actual, path, context)
  if (Array.isArray(expected) && Array.isArray(actual)) return compareArray(expected, actual, path, context)
  if (isObject(expected) && isObject(actual)) return compareObject(expected, actual, path, context)
  if (expected !== actual) report.diffs.push(`${path || 'body'}: expected ${brief(expected)}, got ${brief(actual)}`)
}

function compareText(expected: string, actual: Json, path: string, { step, values, report }: Context): void {
  if (fitsWhole(expected, actual) ?? (typeof actual === 'string' && fits(expected, actual, values))) return
  const isWording = typeof actual === 'string' && wording.test(path) && !step.exact
  if (isWording) report.texts.push(`${path}: theirs ${brief(expected)}, ours ${brief(actual)}`)
  else report.diffs.push(`${path || 'body'}: expected ${brief(expected)}, got ${brief(actual)}`)
}

/** Whether the values agree, without reporting. */
function agrees(expected: Json, actual: Json, path: string, context: Context): boolean {
  const report = emptyComparison()
  compareValue(expected, actual, path, { ...context, report })
  return report.diffs.length + report.texts.length === 0
}

function compareArray(expected: readonly Json[], actual: readonly Json[], path: string, context: Context): void {
  const { step, report } = context
  if (expected.length !== actual.length) {
    report.diffs.push(`${path}: expected ${expected.length} items ${brief(expected)}, got ${actual.length} ${brief(actual)}`)
    return
  }
  if (!isListed(step.unordered, path)) return expected.forEach((item, i) => compareValue(item, actual[i] ?? null, `${path}.${i}`, context))
  const left = [...actual]
  const isMasked = (item: Json): number => Number(JSON.stringify(item).includes('<'))
  for (const item of expected.toSorted((a, b) => isMasked(a) - isMasked(b))) {
    const found = left.findIndex((value) => agrees(item, value, `${path}.0`, context))
    if (found < 0) report.diffs.push(`${path}: expected an item ${brief(item)}, left are ${brief(left)}`)
    else left.splice(found, 1)
  }
}

function compareObject(expected: JsonObject, actual: JsonObject, path: string, context: Context): void {
  const { step, report } = context
  const left = new Set(Object.keys(actual))
  const missing = (key: string): void => {
    if (!isListed(step.ignore, joinPath(path, key))) report.diffs.push(`${joinPath(path, key)}: missing`)
  }
  const masked: string[] = []
  for (const [key, value] of Object.entries(expected)) {
    if (left.delete(key)) compareValue(value, actual[key] ?? null, joinPath(path, key), context)
    else if (/[<$]/.test(key)) masked.push(key)
    else missing(key)
  }
  for (const key of masked) {
    const value = expected[key] ?? null
    const candidates = [...left].filter((name) => fits(key, name, context.values))
    const best = candidates.find((name) => agrees(value, actual[name] ?? null, joinPath(path, key), context)) ?? candidates[0]
    if (best === undefined) missing(key)
    else {
      left.delete(best)
      compareValue(value, actual[best] ?? null, joinPath(path, key), context)
    }
  }
  for (const key of left) if (!isListed(step.ignore, joinPath(path, key))) report.extra.push(joinPath(path, key))
}
