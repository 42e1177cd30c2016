/** The format of scenarios and recordings, and the values that fill the `${names}` in them. `README.md` describes both. */

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json }
export type JsonObject = { readonly [key: string]: Json }

export interface Step {
  /** Unique in its scenario. */
  readonly title: string
  readonly method: string
  /** Below `/v1/`, or from the root where it begins with `/`. */
  readonly path: string
  readonly token?: string
  readonly headers?: readonly (readonly [string, string])[]
  readonly body?: string
  /** Milliseconds before the request is sent. */
  readonly wait?: number
  /** Name of a value → dotted path into the answer. */
  readonly capture?: Readonly<Record<string, string>>
  readonly exact?: boolean
  readonly ignore?: readonly string[]
  readonly unordered?: readonly string[]
}

export interface Expectation {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Json
  readonly text?: string
}

export interface RecordedStep extends Step {
  readonly expect: Expectation
}

export interface Scenario<S extends Step = Step> {
  /** Whether it wants a server before its initialisation. */
  readonly bare: boolean
  readonly steps: readonly S[]
}

export interface Recording extends Scenario<RecordedStep> {
  readonly scenario: string
  /** The server that gave the answers. */
  readonly server: string
}

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly text: string
  /** Absent when the answer is not JSON. */
  readonly body?: Json
}

/** What stands for `${name}`: captures, `root`, `addr`, and names in capitals from the environment. */
export type Values = Record<string, string | undefined>

const directive = /^(token|header|capture|wait|ignore|unordered): (.*)$/
const uncomment = (line: string): string => line.replace(/\s+# .*$/, '').trim()

/** Parses the text of a `.http` file; throws on a malformed step and on a title that is used twice. */
export function parseScenario(text: string): Scenario {
  const [head = '', ...parts] = text.split(/^== /m)
  const everywhere = [...head.matchAll(/^ignore: (.*)$/gm)].map((match) => uncomment(match[1] ?? ''))
  const titles = new Set<string>()
  const steps = parts.map((part) => {
    const step = parseStep(part)
    if (titles.has(step.title)) throw new Error(`two steps are called "${step.title}"`)
    titles.add(step.title)
    return everywhere.length > 0 ? { ...step, ignore: [...everywhere, ...(step.ignore ?? [])] } : step
  })
  return { bare: /^needs: uninitialised server$/m.test(head), steps }
}

function parseStep(part: string): Step {
  const lines = part.split('\n')
  const title = (lines.shift() ?? '').trim()
  const isEmpty = (line = 'x'): boolean => /^(#.*)?$/.test(line.trim())
  while (isEmpty(lines[0])) lines.shift()
  const [, method, path] = /^([A-Z]+)\s+(\S.*)$/.exec(uncomment(lines.shift() ?? '')) ?? []
  if (!method || !path) throw new Error(`step "${title}" has no request line`)
  let step: Step = { title, method, path }
  for (; lines.length > 0; lines.shift()) {
    const line = lines[0] ?? ''
    const found = directive.exec(line)
    if (uncomment(line) === 'exact') step = { ...step, exact: true }
    else if (found) step = withDirective(step, found[1] ?? '', found[2] ?? '')
    else break
  }
  while (lines[0]?.trim() === '') lines.shift()
  while (isEmpty(lines.at(-1))) lines.pop()
  return lines.length > 0 ? { ...step, body: lines.join('\n') } : step
}

function withDirective(step: Step, name: string, raw: string): Step {
  const value = name === 'header' ? raw.trim() : uncomment(raw)
  const [, key = '', rest = ''] = /^([^:=]+?)\s*[:=]\s*(.*)$/.exec(value) ?? []
  if (name === 'token') return { ...step, token: value }
  if (name === 'wait') return { ...step, wait: Number(value) }
  if (name === 'header') return { ...step, headers: [...(step.headers ?? []), [key, rest]] }
  if (name === 'capture') return { ...step, capture: { ...step.capture, [key]: rest } }
  if (name === 'ignore') return { ...step, ignore: [...(step.ignore ?? []), value] }
  return { ...step, unordered: [...(step.unordered ?? []), value] }
}

export const isEnvironmentName = (name: string): boolean => /^[A-Z][A-Z0-9_]+$/.test(name)

const namesIn = (value: unknown): string[] => [...JSON.stringify(value).matchAll(/\$\{(\w+)\}/g)].map((match) => match[1] ?? '')

/** The environment variables that the steps use; undefined where one is not set. */
export function readEnvironment(steps: readonly Step[]): Values {
  const names = namesIn(steps).filter(isEnvironmentName)
  return Object.fromEntries(names.map((name) => [name, process.env[name]]))
}

/** Names that a step uses and that have no value. */
export const findMissing = (step: Step, values: Values): string[] =>
  namesIn([step.path, step.token, step.headers, step.body]).filter((name) => values[name] === undefined)

/** Fills `${name}` and `${repeat COUNT UNIT}`. */
export const fill = (text: string, values: Values): string =>
  text
    .replace(/\$\{repeat (\d+) ([^}]*)\}/g, (_, count: string, unit: string) => unit.repeat(Number(count)))
    .replace(/\$\{(\w+)\}/g, (whole, name: string) => values[name] ?? whole)

/** Fills a body; in JSON, values with line ends or quotes (PEM blocks) are escaped. */
export function fillBody(text: string, values: Values): string {
  if (!/^\s*[[{]/.test(text)) return fill(text, values)
  const escaped = Object.entries(values).map(([name, value]) => [name, value && JSON.stringify(value).slice(1, -1)])
  return fill(text, Object.fromEntries(escaped) as Values)
}

export const isObject = (value: unknown): value is JsonObject => typeof value === 'object' && value !== null && !Array.isArray(value)

/** The value at a dotted path (`data.keys.0`), or undefined. */
export function valueAt(value: Json | undefined, path: string): Json | undefined {
  return path.split('.').reduce<Json | undefined>((inner, key) => {
    if (Array.isArray(inner)) return (inner as readonly Json[])[Number(key)]
    return isObject(inner) && Object.hasOwn(inner, key) ? inner[key] : undefined
  }, value)
}

/** Takes the captures of a step out of an answer into `values`; returns the names that were not found. */
export function takeCaptures(step: Step, answer: Answer, values: Values): string[] {
  const missing: string[] = []
  for (const [name, path] of Object.entries(step.capture ?? {})) {
    const found = valueAt(answer.body, path)
    values[name] = found === undefined ? undefined : String(found)
    if (found === undefined) missing.push(name)
  }
  return missing
}
