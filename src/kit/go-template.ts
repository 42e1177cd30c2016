/**
 * The part of Go's text/template that names are made with: text, and actions of fields, literals, calls and pipes, as in
 * `{{ printf "v-%s" (.RoleName | truncate 8) | lowercase }}`. There is no `if` and no `range`, and what a function may do is up to whoever gives it.
 */

/** Arguments in the order of Go: what comes through a pipe is the last one. Throws an `Error` whose text says what is wrong with the arguments. */
export type TemplateFunction = (...args: readonly TemplateValue[]) => TemplateValue
export type TemplateValue = string | number

export interface TemplateContext {
  readonly functions: ReadonlyMap<string, TemplateFunction>
  readonly fields: ReadonlyMap<string, TemplateValue>
}

/** Throws `TemplateError` for a function or field that is not there, and for arguments that do not fit. */
export type Template = (context: TemplateContext) => string

export class TemplateError extends Error {
  override readonly name = 'TemplateError'
}

const textMax = 4_096

/** Throws `TemplateError`. */
export function parseTemplate(text: string): Template {
  if (text.length > textMax) throw new TemplateError(`a template may have ${textMax} characters`)
  const parts: ((context: TemplateContext) => string)[] = []
  let trimNext = false
  for (let rest = text; rest !== ''; ) {
    const start = rest.indexOf('{{')
    let before = start < 0 ? rest : rest.slice(0, start)
    if (trimNext) before = before.trimStart()
    const action = start < 0 ? null : readAction(rest.slice(start + 2))
    if (action?.trimsBefore === true) before = before.trimEnd()
    const literal = before
    if (literal !== '') parts.push(() => literal)
    if (action === null) break
    trimNext = action.trimsAfter
    const { pipeline } = action
    if (pipeline !== null) parts.push((context) => String(evaluate(pipeline, context)))
    rest = action.rest
  }
  return (context) => parts.map((part) => part(context)).join('')
}

type Term =
  | { readonly kind: 'literal'; readonly value: TemplateValue }
  | { readonly kind: 'field'; readonly name: string }
  | { readonly kind: 'call'; readonly name: string }
  | { readonly kind: 'group'; readonly pipeline: Pipeline }
/** Each command takes what the one before gave. */
type Pipeline = readonly (readonly Term[])[]

interface Action {
  /** Null for a comment. */
  readonly pipeline: Pipeline | null
  readonly trimsBefore: boolean
  readonly trimsAfter: boolean
  readonly rest: string
}

function readAction(text: string): Action {
  const trimsBefore = /^-\s/.test(text)
  const body = trimsBefore ? text.slice(1) : text
  const comment = /^\s*\/\*[\s\S]*?\*\/\s*(-)?\}\}/.exec(body)
  if (comment !== null) return { pipeline: null, trimsBefore, trimsAfter: comment[1] !== undefined, rest: body.slice(comment[0].length) }
  const tokens: Token[] = []
  let at = 0
  for (;;) {
    const end = /^\s*(?:\s(-))?\}\}/.exec(body.slice(at))
    if (end !== null) return { pipeline: readAll(tokens), trimsBefore, trimsAfter: end[1] !== undefined, rest: body.slice(at + end[0].length) }
    const token = readToken(body.slice(at))
    at += token.length
    if (token.text !== '') tokens.push(token)
  }
}

interface Token {
  readonly text: string
  readonly term: Term | null
  readonly length: number
}

const tokenForms: readonly [pattern: RegExp, termOf: (text: string) => Term | null][] = [
  [/^[()|]/, () => null],
  [/^\.[A-Za-z_]\w*/, (text) => ({ kind: 'field', name: text.slice(1) })],
  [/^[A-Za-z_]\w*/, (text) => ({ kind: 'call', name: text })],
  [/^[+-]?\d+/, (text) => ({ kind: 'literal', value: Number(text) })],
  [/^"(?:[^"\\\n]|\\.)*"/, (text) => ({ kind: 'literal', value: unquoted(text) })],
  [/^`[^`]*`/, (text) => ({ kind: 'literal', value: text.slice(1, -1) })],
]

function readToken(text: string): Token {
  const blanks = /^\s*/.exec(text)?.[0].length ?? 0
  const rest = text.slice(blanks)
  if (rest === '') throw new TemplateError('an action is not closed: }} is missing')
  for (const [pattern, termOf] of tokenForms) {
    const found = pattern.exec(rest)?.[0]
    if (found !== undefined) return { text: found, term: termOf(found), length: blanks + found.length }
  }
  throw new TemplateError(`unexpected ${JSON.stringify(rest[0])} in an action`)
}

const escapes: ReadonlyMap<string, string> = new Map([['n', '\n'], ['t', '\t'], ['"', '"'], ['\\', '\\'], ["'", "'"]])

const unquoted = (text: string): string =>
  text.slice(1, -1).replaceAll(/\\(.)/g, (_, letter: string) => {
    const meant = escapes.get(letter)
    if (meant === undefined) throw new TemplateError(`unknown escape \\${letter}`)
    return meant
  })

function readAll(tokens: readonly Token[]): Pipeline {
  const [pipeline, next] = readPipeline(tokens, 0)
  if (next < tokens.length) throw new TemplateError('unexpected ")"')
  return pipeline
}

function readPipeline(tokens: readonly Token[], from: number): [Pipeline, number] {
  const commands: Term[][] = [[]]
  let at = from
  for (; at < tokens.length && tokens[at]?.text !== ')'; at++) {
    const token = tokens[at] as Token
    if (token.text === '|') commands.push([])
    else if (token.text !== '(') commands.at(-1)?.push(token.term as Term)
    else {
      const [pipeline, end] = readPipeline(tokens, at + 1)
      if (tokens[end] === undefined) throw new TemplateError('a parenthesis is not closed')
      commands.at(-1)?.push({ kind: 'group', pipeline })
      at = end
    }
  }
  if (commands.some((terms) => terms.length === 0)) throw new TemplateError('an action or a part of it is empty')
  return [commands, at]
}

function evaluate(pipeline: Pipeline, context: TemplateContext): TemplateValue {
  let piped: readonly TemplateValue[] = []
  for (const terms of pipeline) piped = [runCommand(terms, piped, context)]
  return piped[0] ?? ''
}

function runCommand([first, ...rest]: readonly Term[], piped: readonly TemplateValue[], context: TemplateContext): TemplateValue {
  if (first === undefined) return ''
  if (first.kind !== 'call') {
    if (rest.length + piped.length > 0) throw new TemplateError('only functions take arguments')
    return valueOf(first, context)
  }
  const call = context.functions.get(first.name)
  if (call === undefined) throw new TemplateError(`there is no function ${JSON.stringify(first.name)}`)
  return checked(first.name, () => call(...rest.map((term) => valueOf(term, context)), ...piped))
}

function checked(name: string, call: () => TemplateValue): TemplateValue {
  try {
    return call()
  } catch (error) {
    if (error instanceof TemplateError) throw error
    throw new TemplateError(`${name}: ${error instanceof Error ? error.message : 'failed'}`, { cause: error })
  }
}

function valueOf(term: Term, context: TemplateContext): TemplateValue {
  if (term.kind === 'literal') return term.value
  if (term.kind === 'group') return evaluate(term.pipeline, context)
  if (term.kind === 'call') return runCommand([term], [], context)
  const value = context.fields.get(term.name)
  if (value === undefined) throw new TemplateError(`there is no field ".${term.name}"`)
  return value
}
