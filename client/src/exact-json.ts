/**
 * JSON in which numbers keep the digits that were sent. `JSON.parse` turns 12345678901234567890 into another number and 1e400 into
 * null on the way back; a secrets manager must return what was stored. Grammar: RFC 8259.
 */

/** A number as it was written. `Number(n)` gives the nearest double, `n.text` the digits. */
export class ExactNumber {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
  toString(): string {
    return this.text
  }
  valueOf(): number {
    return Number(this.text)
  }
}

export type ExactJson = null | boolean | string | number | ExactNumber | readonly ExactJson[] | ExactObject
/** Without a prototype, so that `__proto__` and `constructor` are names like any other. */
export interface ExactObject {
  [name: string]: ExactJson
}

export const exactObject = (): ExactObject => Object.create(null) as ExactObject

export const isExactObject = (value: ExactJson | undefined): value is ExactObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof ExactNumber)

/** Parses one JSON text; every number becomes an `ExactNumber`. Throws `SyntaxError` naming the offset, never quoting the text. */
export function parseExact(text: string): ExactJson {
  const reader = new Reader(text)
  const value = reader.value(0)
  reader.space()
  if (reader.at < text.length) throw reader.failure('unexpected text after the value')
  return value
}

const depthMax = 1000
const numberPattern = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y
// Everything that may stand in a string unescaped, up to the next quote, backslash or control character.
const plainPattern = /[^"\\\u0000-\u001f]*/y
const escapes: Readonly<Record<string, string>> = { '"': '"', '\\': '\\', '/': '/', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' }

class Reader {
  at = 0
  readonly text: string
  constructor(text: string) {
    this.text = text
  }

  failure(reason: string): SyntaxError {
    return new SyntaxError(`${reason} at offset ${this.at} of the JSON text`)
  }

  space(): void {
    for (; this.at < this.text.length; this.at++) {
      const code = this.text.charCodeAt(this.at)
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return
    }
  }

  value(depth: number): ExactJson {
    if (depth > depthMax) throw this.failure(`nested deeper than ${depthMax} levels`)
    this.space()
    const first = this.text[this.at]
    if (first === '{') return this.object(depth)
    if (first === '[') return this.array(depth)
    if (first === '"') return this.string()
    if (first === 't') return this.word('true', true)
    if (first === 'f') return this.word('false', false)
    if (first === 'n') return this.word('null', null)
    return this.number()
  }

  word<T>(word: string, value: T): T {
    if (!this.text.startsWith(word, this.at)) throw this.failure('unexpected word')
    this.at += word.length
    return value
  }

  number(): ExactNumber {
    numberPattern.lastIndex = this.at
    const match = numberPattern.exec(this.text)
    if (match === null) throw this.failure(this.at < this.text.length ? 'unexpected character' : 'unexpected end')
    this.at += match[0].length
    return new ExactNumber(match[0])
  }

  string(): string {
    this.at++
    let result = ''
    for (;;) {
      plainPattern.lastIndex = this.at
      const plain = plainPattern.exec(this.text)?.[0] ?? ''
      this.at += plain.length
      result += plain
      const stop = this.text[this.at]
      if (stop === '"') {
        this.at++
        return result
      }
      if (stop !== '\\') throw this.failure(stop === undefined ? 'unterminated string' : 'control character in a string')
      result += this.escape()
    }
  }

  escape(): string {
    const kind = this.text[this.at + 1] ?? ''
    if (kind === 'u') {
      const digits = this.text.slice(this.at + 2, this.at + 6)
      if (!/^[0-9a-fA-F]{4}$/.test(digits)) throw this.failure('broken \\u escape')
      this.at += 6
      return String.fromCharCode(Number.parseInt(digits, 16))
    }
    const char = Object.hasOwn(escapes, kind) ? escapes[kind] : undefined
    if (char === undefined) throw this.failure('unknown escape')
    this.at += 2
    return char
  }

  array(depth: number): ExactJson[] {
    const items: ExactJson[] = []
    this.at++
    this.space()
    if (this.text[this.at] === ']') {
      this.at++
      return items
    }
    for (;;) {
      items.push(this.value(depth + 1))
      if (this.next(']')) return items
    }
  }

  object(depth: number): ExactObject {
    const members = exactObject()
    this.at++
    this.space()
    if (this.text[this.at] === '}') {
      this.at++
      return members
    }
    for (;;) {
      this.space()
      if (this.text[this.at] !== '"') throw this.failure('expected a name')
      const name = this.string()
      this.space()
      if (this.text[this.at] !== ':') throw this.failure('expected a colon')
      this.at++
      members[name] = this.value(depth + 1)
      if (this.next('}')) return members
    }
  }

  /** After an item: true at the closing bracket, false at a comma. */
  next(close: string): boolean {
    this.space()
    const char = this.text[this.at]
    if (char !== close && char !== ',') throw this.failure(`expected a comma or ${close}`)
    this.at++
    return char === close
  }
}

/** The compact JSON text of a value; an `ExactNumber` is written with the digits that it holds. Members that are undefined are left out. */
export function stringifyExact(value: unknown): string {
  if (value instanceof ExactNumber) return value.text
  if (Array.isArray(value)) return `[${value.map((item) => stringifyExact(item ?? null)).join(',')}]`
  if (typeof value !== 'object' || value === null || typeof (value as { toJSON?: unknown }).toJSON === 'function') {
    return JSON.stringify(value) ?? 'null'
  }
  const members = Object.entries(value).filter(([, member]) => member !== undefined)
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${stringifyExact(member)}`).join(',')}}`
}
