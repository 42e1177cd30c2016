/** Parses what stands inside of an action: pipes, commands, operands. */
import type { Command, Operand, Pipe } from './ast.ts'
import type { Token, TokenKind } from './lexer.ts'
import { charValue, numberValue, unquote } from './literal.ts'
import { type TokenReader, unexpected } from './token-reader.ts'
import { TemplateError, type Value } from './values.ts'

/** The names that a template may use. */
export interface Scope {
  /** Variables in scope, innermost last. */
  readonly variables: string[]
  readonly hasFunction: (name: string) => boolean
}

const depthMax = 200

export class PipeParser {
  readonly #tokens: TokenReader
  readonly #scope: Scope
  #depth = 0

  constructor(tokens: TokenReader, scope: Scope) {
    this.#tokens = tokens
    this.#scope = scope
  }

  /** A pipe up to `end`, which is taken. `where` names the action for messages. */
  pipe(where: string, end: TokenKind = 'close'): Pipe {
    if ((this.#depth += 1) > depthMax) throw new TemplateError('max expression depth exceeded', this.#tokens.line)
    const { line } = this.#tokens.peekWord()
    const { variables, isAssignment } = this.#declarations(where)
    const commands: Command[] = []
    while (this.#tokens.take(end) === null) {
      commands.push(this.#command(where, end))
      // Nothing need follow the last bar.
      this.#tokens.take('pipe')
    }
    if (commands.length === 0) throw new TemplateError(`missing value for ${where}`, line)
    for (const [stage, { first }] of commands.entries()) if (stage > 0) checkExecutable(first, stage, line)
    this.#depth -= 1
    if (!isAssignment) this.#scope.variables.push(...variables)
    return { variables, isAssignment, commands, line }
  }

  /** `$x :=`, `$x =`, and in a range `$i, $x :=`. */
  #declarations(where: string): { variables: string[]; isAssignment: boolean } {
    const mark = this.#tokens.mark()
    const first = this.#tokens.take('variable')
    if (first === null) return { variables: [], isAssignment: false }
    const names = [first.text]
    if (where === 'range' && this.#tokens.take('comma') !== null) names.push(this.#tokens.expect('variable', 'range').text)
    const isDeclaration = this.#tokens.take('declare') !== null
    if (!isDeclaration && this.#tokens.take('assign') === null) {
      if (names.length > 1) throw unexpected(this.#tokens.peekWord(), where)
      this.#tokens.goBack(mark)
      return { variables: [], isAssignment: false }
    }
    if (!isDeclaration) for (const name of names) this.#checkKnown(name, first.line)
    return { variables: names, isAssignment: !isDeclaration }
  }

  #command(where: string, end: TokenKind): Command {
    const { line } = this.#tokens.peekWord()
    this.#tokens.skipSpace()
    const operands: Operand[] = []
    for (;;) {
      operands.push(this.#operand(where))
      const hasSpace = this.#tokens.skipSpace()
      const next = this.#tokens.peek()
      if (next.kind === end || next.kind === 'pipe') break
      if (!hasSpace || next.kind === 'close' || next.kind === 'end' || next.kind === 'unparen') throw unexpected(next, next.kind === 'close' ? 'unclosed left paren' : next.kind === 'unparen' ? `${where}: right paren` : 'operand')
    }
    const [first, ...args] = operands as [Operand, ...Operand[]]
    return { first, args, line }
  }

  #operand(where: string): Operand {
    const token = this.#tokens.next()
    const term = this.#term(token, where)
    const names: string[] = []
    while (this.#tokens.peek().kind === 'field') names.push(this.#tokens.next().text.slice(1))
    if (names.length === 0) return term
    if (!('names' in term)) throw new TemplateError(`unexpected . after term ${JSON.stringify(token.text)}`, token.line)
    return { ...term, names: [...term.names, ...names] }
  }

  #term(token: Token, where: string): Operand {
    const { kind, text, line } = token
    const constant = (value: Value): Operand => ({ kind: 'value', value, text })
    if (kind === 'string') return constant(unquote(text, line))
    if (kind === 'char') return constant(charValue(text, line))
    if (kind === 'number') return constant(numberValue(text, line))
    if (kind === 'dot') return { kind: 'dot' }
    if (kind === 'field') return { kind: 'field', names: [text.slice(1)] }
    if (kind === 'variable') {
      this.#checkKnown(text, line)
      return { kind: 'variable', name: text, names: [] }
    }
    if (kind === 'paren') return { kind: 'pipe', pipe: this.pipe('parenthesized pipeline', 'unparen'), names: [] }
    if (kind === 'word') return this.#word(text, line, where)
    throw unexpected(token, where === 'command' ? 'command' : where)
  }

  #word(text: string, line: number, where: string): Operand {
    if (text === 'true' || text === 'false') return { kind: 'value', value: text === 'true', text }
    if (text === 'nil') return { kind: 'nil' }
    if (keywords.has(text)) throw new TemplateError(`unexpected <${text}> in ${where}`, line)
    if (!this.#scope.hasFunction(text)) throw new TemplateError(`function ${JSON.stringify(text)} not defined`, line)
    return { kind: 'function', name: text, names: [] }
  }

  #checkKnown(name: string, line: number): void {
    if (!this.#scope.variables.includes(name)) throw new TemplateError(`undefined variable ${JSON.stringify(name)}`, line)
  }
}

export const keywords: ReadonlySet<string> = new Set(['if', 'else', 'end', 'range', 'with', 'define', 'block', 'template', 'break', 'continue'])

/** Only what can take an argument may follow in a pipe. */
function checkExecutable(first: Operand, stage: number, line: number): void {
  if (['value', 'nil', 'dot'].includes(first.kind)) throw new TemplateError(`non executable command in pipeline stage ${stage + 1}`, line)
}
