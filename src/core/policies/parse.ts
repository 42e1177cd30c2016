/** The text of a policy, HCL or JSON, checked as a whole: what is stored can always be compiled. */
import { ApiError, badRequest } from '../../kit/errors.ts'
import { hclError, type HclFile, type HclItem, type HclObject } from '../../kit/hcl/ast.ts'
import { parseHcl } from '../../kit/hcl/parser.ts'
import { parseRule, severalErrors, unknownKeys, type PathRule } from './rule.ts'

export interface Policy {
  /** As its callers fold it: lower case, trimmed. */
  readonly name: string
  /** '' for the root namespace, else `a/b/`: stands before every pattern. */
  readonly namespace: string
  readonly rules: readonly PathRule[]
  /** Whether any rule depends on who asks. */
  readonly isTemplated: boolean
  /** Identity values with `*` and `+`, or with `/`, may fill in templates. Off unless the policy was stored so. */
  readonly allowWildcards: boolean
  readonly allowSlashes: boolean
  /** Rules that are accepted and probably do not mean what was meant. For people, not for the API. */
  readonly warnings: readonly string[]
}

export interface PolicyOptions {
  readonly namespace?: string
  readonly allowWildcards?: boolean
  readonly allowSlashes?: boolean
}

const topKeys: ReadonlySet<string> = new Set(['name', 'path'])

/** Throws `bad_request`, worded `failed to parse policy: …`. */
export function parsePolicy(name: string, text: string, options: PolicyOptions = {}): Policy {
  try {
    return policyOf(name, parseHcl(text), options)
  } catch (error) {
    if (error instanceof ApiError) throw badRequest(`failed to parse policy: ${error.message}`)
    throw error
  }
}

function policyOf(name: string, file: HclFile, options: PolicyOptions): Policy {
  const { items } = file.root
  const unknown = unknownKeys(items, topKeys, file)
  if (unknown.length > 0) throw badRequest(severalErrors(unknown))
  const warnings: string[] = []
  const rules = items.filter((item) => item.keys[0]?.value === 'path').flatMap((item) => rulesOf(item, file, warnings))
  return Object.freeze({
    name,
    namespace: options.namespace ?? '',
    rules: Object.freeze(rules),
    isTemplated: rules.some((rule) => rule.isTemplated),
    allowWildcards: options.allowWildcards ?? false,
    allowSlashes: options.allowSlashes ?? false,
    warnings: Object.freeze(warnings),
  })
}

/** `path "a" {…}`, and in JSON `"path": {"a": {…}, "b": {…}}` or a list of such objects. */
function rulesOf({ keys, value }: HclItem, file: HclFile, warnings: string[]): PathRule[] {
  const [, label] = keys
  if (keys.length === 2 && label !== undefined && value.kind === 'object') return [parseRule(label.value, value, file, warnings)]
  if (!file.isJson) throw hclError(file.text, keys[0]?.at ?? value.at, 'expected path "…" { … }')
  return objectsOf(value, file)
    .flatMap((object) => object.items)
    .flatMap((item) => {
      return objectsOf(item.value, file).map((body) => parseRule(item.keys[0]?.value ?? '', body, file, warnings))
    })
}

function objectsOf(value: HclItem['value'], file: HclFile): readonly HclObject[] {
  if (value.kind === 'object') return [value]
  const elements = value.kind === 'list' ? value.elements.map((element) => element.value) : []
  const objects = elements.filter((element) => element.kind === 'object')
  if (value.kind !== 'list' || objects.length < elements.length) throw hclError(file.text, value.at, 'expected an object')
  return objects
}
