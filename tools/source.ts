/**
 * Reads our TypeScript sources for the house rules: text with comments and literals blanked out, imports, exports, functions.
 * It is a scanner and no parser: it knows brackets, literals and comments, and guesses what a `{` opens from what stands
 * before it. Where it is wrong (a function whose return type holds an object literal over several lines, a regular
 * expression right after `)`), it counts a function too few; it never makes code invisible to the search for banned calls
 * that the compiler would run, except inside `${}` of a template.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'

/** One broken rule: `where` is `path:line`. */
export interface Breach {
  readonly where: string
  readonly what: string
}

export interface Import {
  /** The path of one of our files (`src/kit/errors.ts`), or the bare name of a package or a Node module. */
  readonly target: string
  readonly line: number
}

export interface FunctionSize {
  readonly name: string
  readonly line: number
  /** Lines from the head to the closing bracket, both counted. */
  readonly lines: number
}

export interface Source {
  /** Relative to the project, with `/`. */
  readonly path: string
  readonly text: string
  /** The text with comments and the insides of literals replaced by blanks; same length, same lines. */
  readonly code: string
  readonly imports: readonly Import[]
  readonly functions: readonly FunctionSize[]
}

const regexMayFollow = /(?:[=(,:;!&|?{}[+\-*%<>~^/]|\b(?:return|typeof|case|in|of|throw|await|yield|else|do|void|delete))\s*$/

/** Blanks out comments, strings, templates and regular expressions; their delimiters stay. */
export function maskLiterals(text: string): string {
  const out = text.split('')
  const blank = (from: number, to: number): void => {
    for (let i = from; i < to; i++) if (out[i] !== '\n') out[i] = ' '
  }
  for (let i = 0; i < text.length; i++) {
    const end = literalEnd(text, i, out)
    if (end === null) continue
    const isComment = text[i] === '/' && (text[i + 1] === '/' || text[i + 1] === '*')
    blank(isComment ? i : i + 1, isComment ? end : end - 1)
    i = end - 1
  }
  return out.join('')
}

/** Where the literal or comment that begins at `i` ends (exclusive); null when none begins there. */
function literalEnd(text: string, i: number, before: readonly string[]): number | null {
  const char = text[i]
  if (char === '/' && text[i + 1] === '/') return endOr(text, text.indexOf('\n', i))
  if (char === '/' && text[i + 1] === '*') return endOr(text, text.indexOf('*/', i + 2) + 2)
  if (char === "'" || char === '"') return quotedEnd(text, i, char)
  if (char === '`') return templateEnd(text, i)
  if (char === '/' && regexMayFollow.test(before.slice(Math.max(0, i - 40), i).join(''))) return regexEnd(text, i)
  return null
}

const endOr = (text: string, end: number): number => (end < 2 ? text.length : end)

function quotedEnd(text: string, start: number, quote: string): number {
  let i = start + 1
  while (i < text.length && text[i] !== quote) i += text[i] === '\\' ? 2 : 1
  return Math.min(i + 1, text.length)
}

function templateEnd(text: string, start: number): number {
  let i = start + 1
  while (i < text.length && text[i] !== '`') {
    if (text[i] === '$' && text[i + 1] === '{') i = substitutionEnd(text, i + 2)
    else i += text[i] === '\\' ? 2 : 1
  }
  return Math.min(i + 1, text.length)
}

function substitutionEnd(text: string, start: number): number {
  let depth = 1
  let i = start
  while (i < text.length && depth > 0) {
    const char = text[i]
    if (char === '`') i = templateEnd(text, i)
    else if (char === "'" || char === '"') i = quotedEnd(text, i, char)
    else {
      if (char === '{') depth++
      if (char === '}') depth--
      i++
    }
  }
  return i
}

function regexEnd(text: string, start: number): number {
  let inClass = false
  let i = start + 1
  for (; i < text.length && text[i] !== '\n'; i += text[i] === '\\' ? 2 : 1) {
    if (text[i] === '[') inClass = true
    else if (text[i] === ']') inClass = false
    else if (text[i] === '/' && !inClass) return i + 1
  }
  return i
}

export const lineOf = (text: string, index: number): number => text.slice(0, index).split('\n').length

function findImports(path: string, text: string, code: string): Import[] {
  const found: Import[] = []
  for (const match of code.matchAll(/\b(?:from|import)\s*\(?\s*(['"]) *\1/g)) {
    const quote = match[1] ?? "'"
    const start = code.indexOf(quote, match.index) + 1
    const specifier = text.slice(start, text.indexOf(quote, start))
    const target = specifier.startsWith('.') ? normalize(join(dirname(path), specifier)).replaceAll('\\', '/') : specifier
    found.push({ target, line: lineOf(text, match.index) })
  }
  return found
}

const opens: Readonly<Record<string, string>> = { ')': '(', ']': '[', '}': '{' }

/** The index of the bracket that the closing one at `i` belongs to, or -1. */
function matchBack(code: string, i: number): number {
  const expected: string[] = []
  for (let at = i; at >= 0; at--) {
    const char = code[at] ?? ''
    const open = opens[char]
    if (open) expected.push(open)
    else if (char === '(' || char === '[' || char === '{') {
      if (expected.pop() !== char) return -1
      if (expected.length === 0) return at
    }
  }
  return -1
}

/** From the end of a return type back to the `)` of the parameters; -1 when what stands before is no return type. */
function skipReturnType(code: string, end: number): number {
  for (let i = end; i >= 0; i--) {
    const char = code[i] ?? ''
    if (char === ':') {
      const parameters = code.slice(0, i).trimEnd().length - 1
      return i < end && code[parameters] === ')' && code.slice(i + 1, end + 1).trim() !== '' ? parameters : -1
    }
    if (char === '}' && /^\s*\n/.test(code.slice(i + 1, end + 2))) return -1 // the end of what stands before, and no type
    if (opens[char]) i = matchBack(code, i)
    else if (char === '>' && code[i - 1] === '=') i--
    else if (!/[\w.|&<>,?'"\s$]/.test(char) || /^(?:class|interface|try|else|do|finally)\b/.test(code.slice(i, end + 1))) return -1
    if (i < 0) return -1
  }
  return -1
}

const controls = /^(?:if|for|while|switch|catch|with|await)$/

/** The head of the function whose body opens at `brace`, or null when that bracket opens something else. */
function functionHead(code: string, brace: number): { name: string; start: number } | null {
  const last = code.slice(0, brace).trimEnd().length - 1
  if (/[<|&,:?=([{]/.test(code[last] ?? '=')) return null // an object, or the type of one
  const isArrow = code[last] === '>' && code[last - 1] === '='
  let close = isArrow ? code.slice(0, last - 1).trimEnd().length - 1 : last
  if (code[close] !== ')') close = skipReturnType(code, close)
  if (close < 0) return isArrow ? { name: 'arrow', start: last } : null
  const open = matchBack(code, close)
  if (open < 0) return null
  const lead = code.slice(code.lastIndexOf('\n', open) + 1, open)
  const word = /([\w$]+)\s*(?:<[^()]*>)?\s*$/.exec(lead)?.[1] ?? ''
  if (controls.test(word)) return null
  const assigned = /([\w$]+)\s*(?::[^=]*)?[=:]\s*(?:async\s*)?$/.exec(lead)?.[1]
  return { name: word && word !== 'async' && word !== 'function' ? word : (assigned ?? 'anonymous'), start: open }
}

function findFunctions(code: string): FunctionSize[] {
  const found: FunctionSize[] = []
  const heads: ({ name: string; start: number } | null)[] = []
  for (let i = 0; i < code.length; i++) {
    if (code[i] === '{') heads.push(functionHead(code, i))
    if (code[i] !== '}') continue
    const head = heads.pop()
    if (!head) continue
    const line = lineOf(code, head.start)
    found.push({ name: head.name, line, lines: lineOf(code, i) - line + 1 })
  }
  return found
}

export function parseSource(path: string, text: string): Source {
  const code = maskLiterals(text)
  return { path, text, code, imports: findImports(path, text, code), functions: findFunctions(code) }
}

/** The paths of all files below `folder` (relative to `root`), without what is installed or generated. */
export function listFiles(root: string, folder = ''): string[] {
  const generated = /^(?:node_modules|dist|\.git|coffer-data|\..*-cache)$/
  const names = readdirSync(join(root, folder), { withFileTypes: true })
  return names.flatMap((entry) => {
    if (generated.test(entry.name)) return []
    const path = folder ? `${folder}/${entry.name}` : entry.name
    if (entry.isDirectory()) return listFiles(root, path)
    return entry.isFile() ? [path] : []
  })
}

export const readSources = (root: string, paths: readonly string[]): Source[] =>
  paths.map((path) => parseSource(path, readFileSync(join(root, path), 'utf8')))
