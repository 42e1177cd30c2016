/**
 * `list_scan_response_keys_filter_path` of a rule: from the folder that was listed and one key of the answer to the path whose rule decides
 * whether the key is shown. OpenBao takes any Go template there; this takes `{{ .path }}` and `{{ .key }}`, each with any number of
 * `| replace "old" "new"`, and refuses the rest, because a filter that is not understood must not be left out.
 */
import { badRequest } from '../../kit/errors.ts'

export type KeysFilter = (path: string, key: string) => string

type Part = (path: string, key: string) => string

const action = /\{\{-?\s*\.(path|key)((?:\s*\|\s*replace\s+"(?:[^"\\]|\\["\\])*"\s+"(?:[^"\\]|\\["\\])*")*)\s*-?\}\}/g
const replacement = /replace\s+"((?:[^"\\]|\\["\\])*)"\s+"((?:[^"\\]|\\["\\])*)"/g

/** Throws `bad_request` for what is not understood, and when the result does not depend on the key. */
export function parseKeysFilter(text: string): KeysFilter {
  const parts: Part[] = []
  let end = 0
  for (const match of text.matchAll(action)) {
    parts.push(literal(text.slice(end, match.index)), fieldOf(match[1] === 'key', match[2] ?? ''))
    end = match.index + match[0].length
  }
  parts.push(literal(text.slice(end)))
  const filter: KeysFilter = (path, key) => parts.map((part) => part(path, key)).join('')
  if (filter('folder/', 'one') === filter('folder/', 'two'))
    throw badRequest('list_scan_response_keys_filter_path resulted in same path for two different keys')
  return filter
}

function literal(text: string): Part {
  if (/\{\{|\}\}/.test(text))
    throw badRequest('list_scan_response_keys_filter_path: only {{ .path }} and {{ .key }} with | replace "old" "new" are known')
  return () => text
}

function fieldOf(isKey: boolean, pipeline: string): Part {
  const replaced = [...pipeline.matchAll(replacement)].map(([, from = '', to = '']) => [unescape(from), unescape(to)] as const)
  return (path, key) => replaced.reduce((value, [from, to]) => value.replaceAll(from, () => to), isKey ? key : path)
}

const unescape = (text: string): string => text.replaceAll(/\\(["\\])/g, '$1')
