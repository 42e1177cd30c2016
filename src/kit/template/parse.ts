/** Parses templates in the language of Go's text/template. */
import type { Node, Parsed } from './ast.ts'
import { lex, type Delimiters, type Token } from './lexer.ts'
import { unquote } from './literal.ts'
import { keywords, PipeParser, type Scope } from './parse-pipe.ts'
import { TokenReader, unexpected } from './token-reader.ts'
import { TemplateError } from './values.ts'

export const braces: Delimiters = { left: '{{', right: '}}' }
const depthMax = 200

/** Throws `TemplateError` with the line. Functions must be known by name; `known` are templates that were parsed before. */
export function parseTemplate(source: string, hasFunction: (name: string) => boolean, delimiters: Delimiters = braces): Parsed {
  return new TemplateParser(lex(source, delimiters), hasFunction).parse()
}

type Ending = 'end' | 'else' | 'eof'

interface Body {
  readonly nodes: readonly Node[]
  readonly ending: Ending
}

class TemplateParser {
  readonly #tokens: TokenReader
  readonly #scope: { variables: string[]; hasFunction: Scope['hasFunction'] }
  readonly #named = new Map<string, readonly Node[]>()
  #pipes: PipeParser
  #ranges = 0
  #depth = 0

  constructor(tokens: readonly Token[], hasFunction: Scope['hasFunction']) {
    this.#tokens = new TokenReader(tokens)
    this.#scope = { variables: ['$'], hasFunction }
    this.#pipes = new PipeParser(this.#tokens, this.#scope)
  }

  parse(): Parsed {
    const { nodes, ending } = this.#body()
    if (ending !== 'eof') throw new TemplateError(`unexpected {{${ending}}}`, this.#tokens.line)
    return { main: nodes, named: this.#named }
  }

  /** Up to an `end` or `else`, whose word is taken, or the end of everything. */
  #body(): Body {
    if ((this.#depth += 1) > depthMax) throw new TemplateError('max nesting depth exceeded', this.#tokens.line)
    const nodes: Node[] = []
    for (;;) {
      const token = this.#tokens.next()
      if (token.kind === 'end' || this.#takeEnding(token, nodes)) {
        this.#depth -= 1
        return { nodes, ending: token.kind === 'end' ? 'eof' : this.#ending }
      }
    }
  }

  #ending: Ending = 'eof'

  /** Adds what begins with the token; true when it ends the body. */
  #takeEnding(token: Token, nodes: Node[]): boolean {
    if (token.kind === 'text') {
      nodes.push({ kind: 'text', text: token.text })
      return false
    }
    const { kind, text, line } = this.#tokens.peekWord()
    const word = kind === 'word' && keywords.has(text) ? text : ''
    if (word === '') {
      nodes.push({ kind: 'action', pipe: this.#pipes.pipe('command'), line })
      return false
    }
    this.#tokens.nextWord()
    if (word === 'end' || word === 'else') {
      this.#ending = word
      if (word === 'end') this.#tokens.expect('close', 'end')
      return true
    }
    const node = this.#keyword(word, line)
    if (node !== null) nodes.push(node)
    return false
  }

  #keyword(word: string, line: number): Node | null {
    if (word === 'if' || word === 'with') return this.#branch(word)
    if (word === 'range') return this.#range(line)
    if (word === 'template') return this.#call(line)
    if (word === 'break' || word === 'continue') return this.#jump(word, line)
    if (word === 'define') return this.#define(line)
    return this.#block(line)
  }

  /** `if` and `with`, and what their `else` says. */
  #branch(kind: 'if' | 'with'): Node {
    const mark = this.#scope.variables.length
    const pipe = this.#pipes.pipe(kind)
    const { nodes, ending } = this.#inside(kind)
    const otherwise = ending === 'else' ? this.#else(kind) : []
    this.#scope.variables.length = mark
    return { kind, pipe, body: nodes, otherwise }
  }

  /** `else`, `else if`, `else with`: the latter share the `end` of the whole. */
  #else(kind: 'if' | 'with'): readonly Node[] {
    const { kind: token, text } = this.#tokens.peekWord()
    if (token === 'word' && text === kind) {
      this.#tokens.nextWord()
      return [this.#branch(kind)]
    }
    return this.#lastElse()
  }

  #lastElse(): readonly Node[] {
    this.#tokens.expect('close', 'else')
    const { nodes, ending } = this.#inside('else')
    if (ending === 'else') throw new TemplateError('expected end; found {{else}}', this.#tokens.line)
    return nodes
  }

  #range(line: number): Node {
    const mark = this.#scope.variables.length
    const pipe = this.#pipes.pipe('range')
    this.#ranges += 1
    const { nodes, ending } = this.#inside('range')
    this.#ranges -= 1
    const otherwise = ending === 'else' ? this.#lastElse() : []
    this.#scope.variables.length = mark
    return { kind: 'range', pipe, body: nodes, otherwise, line }
  }

  #inside(what: string): Body {
    const mark = this.#scope.variables.length
    const body = this.#body()
    if (body.ending === 'eof') throw new TemplateError(`unexpected EOF in ${what}`, this.#tokens.line)
    this.#scope.variables.length = mark
    return body
  }

  #jump(kind: 'break' | 'continue', line: number): Node {
    if (this.#ranges === 0) throw new TemplateError(`{{${kind}}} outside {{range}}`, line)
    this.#tokens.expect('close', `{{${kind}}}`)
    return { kind }
  }

  #name(where: string): string {
    const token = this.#tokens.nextWord()
    if (token.kind !== 'string') throw unexpected(token, where)
    return unquote(token.text, token.line)
  }

  #call(line: number): Node {
    const name = this.#name('template clause')
    const pipe = this.#tokens.take('close') === null ? this.#pipes.pipe('template clause') : null
    return { kind: 'template', name, pipe, line }
  }

  #define(line: number): null {
    if (this.#depth > 1) throw new TemplateError('unexpected {{define}}', line)
    const name = this.#name('define clause')
    this.#tokens.expect('close', 'define clause')
    this.#addNamed(name, line)
    return null
  }

  #block(line: number): Node {
    const name = this.#name('block clause')
    const pipe = this.#pipes.pipe('block clause')
    this.#addNamed(name, line)
    return { kind: 'template', name, pipe, line }
  }

  /** A named template sees no variables of where it is defined. An empty one never takes the place of one with content. */
  #addNamed(name: string, line: number): void {
    const [outer, pipes, ranges] = [this.#scope.variables, this.#pipes, this.#ranges]
    this.#scope.variables = ['$']
    this.#pipes = new PipeParser(this.#tokens, this.#scope)
    this.#ranges = 0
    const { nodes, ending } = this.#inside('define clause')
    if (ending !== 'end') throw new TemplateError('unexpected {{else}} in define clause', line)
    this.#scope.variables = outer
    this.#pipes = pipes
    this.#ranges = ranges
    const isEmpty = nodes.every((node) => node.kind === 'text' && node.text.trim() === '')
    if (isEmpty && this.#named.has(name)) return
    if (!isEmpty && this.#isFull(name)) throw new TemplateError(`template: multiple definition of template ${JSON.stringify(name)}`, line)
    this.#named.set(name, nodes)
  }

  #isFull(name: string): boolean {
    return (this.#named.get(name) ?? []).some((node) => node.kind !== 'text' || node.text.trim() !== '')
  }
}
