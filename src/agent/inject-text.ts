/** References in a text, replaced by what they stand for. */
import type { Value } from '../kit/template/values.ts'
import { fieldsOf, questionOf, ReferenceError, type Reference } from './references.ts'
import { nameOf, type Question } from './template/asking.ts'

/**
 * A reference among other text ends where its field does: at the first character that is no letter, digit, `_` or `-`. In braces,
 * `{{ coffer://PATH#FIELD }}`, path and field may hold any characters but braces, and the braces go as well.
 */
const anywhere = /\{\{\s*(?:coffer|vault):\/\/([^#{}]+)#([^{}]+?)\s*\}\}|(?:coffer|vault):\/\/([^#?\s"'`{}]+)#([\w-]+)/g

interface Found extends Reference {
  readonly line: number
}

function* referencesIn(text: string): Generator<Found> {
  let line = 1
  let at = 0
  for (const match of text.matchAll(anywhere)) {
    line += text.slice(at, match.index).split('\n').length - 1
    at = match.index
    yield { ...partsOf(match), line }
  }
}

const partsOf = ([, inner = '', innerField = '', bare = '', bareField = '']: readonly (string | undefined)[]): Reference => ({ path: inner || bare, field: innerField || bareField })

/** What has to be asked. */
export function questionsIn(text: string): Question[] {
  const paths = new Set([...referencesIn(text)].map(({ path }) => path))
  return [...paths].map(questionOf)
}

/** `known` holds the answers to all questions. Throws `ReferenceError` with the line; then nothing was replaced. */
export function replaceIn(text: string, known: ReadonlyMap<string, Value>): string {
  const values = [...referencesIn(text)].map(({ path, field, line }) => {
    const value = fieldsOf(path, known.get(nameOf(questionOf(path)))).get(field)
    if (value === undefined) throw new ReferenceError(`line ${line}: the secret ${path} has no field ${JSON.stringify(field)}`)
    return value
  })
  return text.replaceAll(anywhere, () => values.shift() ?? '')
}
