/** Templates in the language of Go's text/template: parsed once, carried out as often as wanted. */
import type { Parsed } from './ast.ts'
import { builtins } from './builtins.ts'
import { executeTemplate, type ExecuteOptions } from './execute.ts'
import { braces, parseTemplate } from './parse.ts'
import { fixed, TemplateError, type TemplateFunction, type Value } from './values.ts'

export interface TemplateOptions extends Omit<ExecuteOptions, 'functions'> {
  /** Besides those that every template has. */
  readonly functions?: Readonly<Record<string, TemplateFunction>>
  /** The same for those that many templates have in common: what is made once is not copied for each. */
  readonly library?: ReadonlyMap<string, TemplateFunction>
  readonly left?: string
  readonly right?: string
  /** The name of a function that carries out a named template and gives its text: `executeTemplate` of consul-template. */
  readonly byName?: string
}

export interface Template {
  /** Throws `TemplateError` with the line. */
  readonly render: (data: Value) => string
}

const standard: ReadonlyMap<string, TemplateFunction> = new Map(Object.entries(builtins))

/** Throws `TemplateError` with the line where the text is no template. */
export function compileTemplate(source: string, { functions = {}, library, left, right, byName = '', ...limits }: TemplateOptions = {}): Template {
  const own = new Map(Object.entries(functions))
  const known = { get: (name: string): TemplateFunction | undefined => own.get(name) ?? library?.get(name) ?? standard.get(name) }
  const hasFunction = (name: string): boolean => known.get(name) !== undefined || name === 'and' || name === 'or' || (byName !== '' && name === byName)
  const parsed: Parsed = parseTemplate(source, hasFunction, { left: left || braces.left, right: right || braces.right })
  const options: ExecuteOptions = { ...limits, functions: known }
  if (byName !== '') own.set(byName, fixed(1, (name, data = null) => executeNamed(parsed, name, data, options), 2))
  return { render: (data) => withinStack(() => executeTemplate(parsed, data, options)) }
}

/** Templates that carry out one another may come to the end of the stack before they come to a limit. */
function withinStack<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (error instanceof RangeError) throw new TemplateError('exceeded maximum template depth', 0)
    throw error
  }
}

/** How deep templates may carry out one another as texts. */
const depthMax = 50

function executeNamed({ named }: Parsed, name: Value, data: Value, options: ExecuteOptions): string {
  const { depth = 0 } = options
  const main = typeof name === 'string' ? named.get(name) : undefined
  if (main === undefined) throw new TemplateError(`template: no template ${JSON.stringify(name)} associated with template`)
  if (depth >= depthMax) throw new TemplateError(`exceeded maximum template depth (${depthMax})`)
  const deeper = { ...options, depth: depth + 1 }
  return executeTemplate({ main, named }, data, deeper)
}
