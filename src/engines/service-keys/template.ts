/**
 * Texts of a recipe with placeholders: `{{scope.name}}`, as in `{{current.id}}`. There is nothing else to them: no functions, no conditions. What a
 * placeholder stands for is only ever put where it cannot mean anything but itself.
 */
import { badRequest } from '../../kit/errors.ts'

/** By scope; a scope that is a text has no names. */
export type Known = Readonly<Record<string, string | Readonly<Record<string, string>>>>

interface Placeholder {
  readonly scope: string
  /** '': all of it. */
  readonly name: string
}
export interface Template {
  readonly parts: readonly (string | Placeholder)[]
}

/** Which scopes there are, and whether they have names: `credential` may also be meant as a whole. */
export type Scopes = Readonly<Record<string, 'text' | 'names' | 'credential'>>

const placeholders = /\{\{\s*(\w+)(?:\.(\w+))?\s*\}\}/g

/** Throws `bad_request` that begins with `where`. */
export function parseText(text: string, scopes: Scopes, where: string): Template {
  const parts: (string | Placeholder)[] = []
  let end = 0
  for (const { 0: whole, 1: scope = '', 2: name = '', index } of text.matchAll(placeholders)) {
    const kind = Object.hasOwn(scopes, scope) ? scopes[scope] : undefined
    const isKnown = kind === 'text' ? name === '' : kind === 'names' ? name !== '' : kind === 'credential'
    if (!isKnown) throw badRequest(`${where}: {{${scope}${name === '' ? '' : `.${name}`}}} cannot stand here; what can is ${shownScopes(scopes)}`)
    parts.push(text.slice(end, index), { scope, name })
    end = index + whole.length
  }
  parts.push(text.slice(end))
  if (parts.some((part) => typeof part === 'string' && part.includes('{{'))) throw badRequest(`${where}: a {{ that begins no placeholder`)
  return { parts: parts.filter((part) => part !== '') }
}

const shownScopes = (scopes: Scopes): string =>
  Object.entries(scopes).map(([scope, kind]) => (kind === 'text' ? `{{${scope}}}` : `{{${scope}.NAME}}`)).join(', ')

/** `escape` is for what placeholders stand for, not for what is written around them. Throws `bad_request` for what is not known. */
export const filledText = ({ parts }: Template, known: Known, escape: (value: string) => string = (value) => value): string =>
  parts.map((part) => (typeof part === 'string' ? part : escape(valueOf(part, known)))).join('')

function valueOf({ scope, name }: Placeholder, known: Known): string {
  const found = Object.hasOwn(known, scope) ? known[scope] : undefined
  if (typeof found === 'string') return found
  if (found !== undefined && name === '') return JSON.stringify(found)
  const value = found !== undefined && Object.hasOwn(found, name) ? found[name] : undefined
  if (value === undefined) throw badRequest(`${scope}${name === '' ? '' : `.${name}`} is not known`)
  return value
}
