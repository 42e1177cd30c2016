/** HCL's JSON form: the same tree from JSON. Objects stay nested as they are written; duplicate keys are repeated items. */
import { readJson, type JsonBuilder } from '../json-reader.ts'
import { hclError, type HclFile, type HclItem, type HclLiteral, type HclValue } from './ast.ts'

/** `text` begins with `{`. Throws `bad_request`. */
export function parseHclJson(text: string, depthMax: number): HclFile {
  const root = readJson(text, builderFor(text), depthMax)
  if (root.kind !== 'object') throw hclError(text, 0, 'expected an object')
  return Object.freeze({ root, text, isJson: true })
}

const none: readonly never[] = Object.freeze([])

const literal = (type: HclLiteral['type'], value: HclLiteral['value'], written: string, at: number): HclValue => ({
  kind: 'literal',
  type,
  value,
  text: written,
  at,
  end: at + written.length,
})

function builderFor(text: string): JsonBuilder<HclValue> {
  return {
    text: (value, at) => literal('string', value, JSON.stringify(value), at),
    // As HashiCorp's parser has it: null is the empty text.
    literal: (value, at) => (value === null ? literal('string', '', '""', at) : literal('boolean', value, String(value), at)),
    number(digits, at) {
      const value = Number(digits)
      const isInteger = /^-?[0-9]+$/.test(digits)
      if (!Number.isFinite(value) || (isInteger && !Number.isSafeInteger(value))) throw hclError(text, at, 'number out of range')
      return literal(isInteger ? 'integer' : 'float', value, digits, at)
    },
    array: (items, at) => ({
      kind: 'list',
      elements: items.map((value) => ({ value, lead: none, trail: none })),
      rest: none,
      at,
      end: at + 1,
    }),
    object: (entries, at) => ({ kind: 'object', items: entries.map(itemOf), rest: none, at, end: at + 1 }),
  }
}

const itemOf = ({ key, value, at }: { key: string; value: HclValue; at: number }): HclItem => ({
  keys: [{ value: key, text: JSON.stringify(key), at }],
  assigned: true,
  value,
  lead: none,
  trail: none,
})
