/** Tokens one after the other, with what a parser asks of them. */
import type { Token, TokenKind } from './lexer.ts'
import { TemplateError } from './values.ts'

export class TokenReader {
  readonly #tokens: readonly Token[]
  #at = 0

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens
  }

  get line(): number {
    return this.peek().line
  }

  peek(): Token {
    return this.#tokens[this.#at] as Token
  }

  next(): Token {
    const token = this.peek()
    if (token.kind !== 'end') this.#at += 1
    return token
  }

  /** The next one that is no space, not taken. */
  peekWord(): Token {
    const token = this.peek()
    return token.kind === 'space' ? (this.#tokens[this.#at + 1] as Token) : token
  }

  nextWord(): Token {
    this.skipSpace()
    return this.next()
  }

  /** Whether there was one. */
  skipSpace(): boolean {
    const isSpace = this.peek().kind === 'space'
    if (isSpace) this.next()
    return isSpace
  }

  /** Takes the next word if it is of this kind. */
  take(kind: TokenKind): Token | null {
    if (this.peekWord().kind !== kind) return null
    return this.nextWord()
  }

  expect(kind: TokenKind, where: string): Token {
    const token = this.nextWord()
    if (token.kind !== kind) throw unexpected(token, where)
    return token
  }

  /** Where it stands, to come back to. */
  mark(): number {
    return this.#at
  }

  goBack(mark: number): void {
    this.#at = mark
  }
}

export const unexpected = (token: Token, where: string): TemplateError =>
  new TemplateError(`unexpected ${token.kind === 'end' ? 'EOF' : token.kind === 'close' ? JSON.stringify(token.text) : `<${token.text}>`} in ${where}`, token.line)
