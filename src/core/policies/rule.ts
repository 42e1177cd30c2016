/** One `path "…" { … }` of a policy: every key of it checked, nothing left out that would grant less. */
import { parseDuration } from '../../kit/duration.ts'
import { badRequest } from '../../kit/errors.ts'
import { placeOf, type HclFile, type HclItem, type HclObject, type HclValue } from '../../kit/hcl/ast.ts'
import { decodeHclValue, type HclData } from '../../kit/hcl/decode.ts'
import type { Json } from '../../kit/json.ts'
import { bitOf, oldPolicies } from './capabilities.ts'
import { parseKeysFilter, type KeysFilter } from './keys-filter.ts'
import type { ParameterRules, ParameterValues } from './parameters.ts'
import { checkTemplate } from './template.ts'

export interface PathRule {
  /** Without a leading '/'; may contain `{{identity.…}}`. */
  readonly pattern: string
  readonly isTemplated: boolean
  /** Bits of `capabilities.ts`; 0 for a denial. */
  readonly granted: number
  readonly isDeny: boolean
  readonly parameters: ParameterRules
  /** Seconds; 0: no limit. Either makes wrapping compulsory. */
  readonly minWrapTtl: number
  readonly maxWrapTtl: number
  /** Milliseconds since 1970; null: never. */
  readonly expiresAt: number | null
  /** The most keys of one listing; 0: no limit. */
  readonly pageLimit: number
  readonly keysFilter: KeysFilter | null
  /** Names of second factors that the request must have passed, all of them. */
  readonly mfaMethods: readonly string[]
  /** Kinds of events that may be subscribed to; null: not restricted. */
  readonly eventTypes: readonly string[] | null
  readonly comment: string
}

/** The keys of a rule that are read here. `control_group` is known in order to be refused with a reason. */
const knownKeys: ReadonlySet<string> = new Set([
  'comment',
  'policy',
  'capabilities',
  'allowed_parameters',
  'denied_parameters',
  'required_parameters',
  'min_wrapping_ttl',
  'max_wrapping_ttl',
  'mfa_methods',
  'pagination_limit',
  'expiration',
  'list_scan_response_keys_filter_path',
  'subscribe_event_types',
  'control_group',
])

/** Names of keys that nothing knows, worded as Vault does: `invalid key "colour" on line 1`. */
export function unknownKeys(items: readonly HclItem[], known: ReadonlySet<string>, file: HclFile): string[] {
  return items.flatMap(({ keys: [key] }) =>
    key === undefined || known.has(key.value)
      ? []
      : [`invalid key ${JSON.stringify(key.value)} on line ${placeOf(file.text, key.at).split(':')[0]}`],
  )
}

/** The text that Vault's command and libraries print for several mistakes at once. */
export const severalErrors = (errors: readonly string[]): string =>
  `${errors.length} error${errors.length === 1 ? '' : 's'} occurred:\n${errors.map((error) => `\t* ${error}\n`).join('')}\n`

/** Throws `bad_request`; `warnings` receives what is accepted but hardly meant. */
export function parseRule(label: string, body: HclObject, file: HclFile, warnings: string[]): PathRule {
  const named = `path ${JSON.stringify(label)}`
  const unknown = unknownKeys(body.items, knownKeys, file)
  if (unknown.length > 0) throw badRequest(severalErrors(unknown.map((text) => `${named}: ${text}`)))
  const values = valuesOf(body, named)
  if (values.has('control_group'))
    throw badRequest(`${named}: control_group is not supported; without the approvals it asks for, the rule would grant too much`)
  const pattern = label.startsWith('/') ? label.slice(1) : label
  if (pattern.includes('+*')) throw badRequest(`${named}: invalid use of wildcards ('+*' is forbidden)`)
  const { isTemplated, unknown: selectors } = checkTemplate(pattern)
  warnings.push(
    ...patternWarnings(pattern, named),
    ...selectors.map((selector) => `${named}: {{${selector}}} never has a value, so the rule never counts`),
  )
  const read = readerOf(values, named)
  const capabilities = read.capabilities()
  const [minWrapTtl, maxWrapTtl] = [read.seconds('min_wrapping_ttl'), read.seconds('max_wrapping_ttl')]
  if (minWrapTtl > 0 && maxWrapTtl > 0 && maxWrapTtl < minWrapTtl) throw badRequest('max_wrapping_ttl cannot be less than min_wrapping_ttl')
  return Object.freeze({
    pattern,
    isTemplated,
    ...capabilities,
    minWrapTtl,
    maxWrapTtl,
    parameters: Object.freeze({
      required: read.texts('required_parameters') ?? [],
      allowed: read.values('allowed_parameters'),
      denied: read.values('denied_parameters'),
    }),
    expiresAt: read.time('expiration'),
    pageLimit: read.count('pagination_limit'),
    keysFilter: read.keysFilter(capabilities.granted),
    mfaMethods: read.texts('mfa_methods') ?? [],
    eventTypes: read.texts('subscribe_event_types'),
    comment: read.text('comment') ?? '',
  })
}

function patternWarnings(pattern: string, named: string): string[] {
  const plain = pattern.replaceAll(/\{\{.*?\}\}/g, '')
  const warnings = plain.slice(0, -1).includes('*') ? [`${named}: "*" is a wildcard only at the end of a path`] : []
  return plain.split('/').some((segment) => segment !== '+' && segment.includes('+'))
    ? [...warnings, `${named}: "+" is a wildcard only as a whole segment`]
    : warnings
}

function valuesOf(body: HclObject, named: string): Map<string, HclValue> {
  const values = new Map<string, HclValue>()
  for (const { keys, value } of body.items) {
    const name = keys[0]?.value ?? ''
    if (keys.length > 1) throw badRequest(`${named}: "${name}" has no label`)
    if (values.has(name)) throw badRequest(`${named}: "${name}" is set twice`)
    values.set(name, value)
  }
  return values
}

interface RuleReader {
  readonly text: (key: string) => string | null
  readonly texts: (key: string) => readonly string[] | null
  readonly values: (key: string) => ParameterValues
  readonly seconds: (key: string) => number
  readonly count: (key: string) => number
  readonly time: (key: string) => number | null
  readonly capabilities: () => Pick<PathRule, 'granted' | 'isDeny'>
  readonly keysFilter: (granted: number) => KeysFilter | null
}

function readerOf(values: ReadonlyMap<string, HclValue>, named: string): RuleReader {
  const wrong = (key: string, expected: string): Error => badRequest(`${named}: "${key}" must be ${expected}`)
  const scalar = (key: string): string | number | null => {
    const value = values.get(key)
    if (value === undefined) return null
    if (value.kind !== 'literal' || typeof value.value === 'boolean') throw wrong(key, 'a text')
    return value.value
  }
  const text = (key: string): string | null => {
    const value = scalar(key)
    return value === null ? null : String(value)
  }
  const texts = (key: string): readonly string[] | null => {
    const value = values.get(key)
    if (value === undefined) return null
    const items = value.kind === 'list' ? decodeHclValue(value) : null
    if (!Array.isArray(items) || !items.every((item) => typeof item === 'string')) throw wrong(key, 'a list of texts')
    return Object.freeze(items)
  }
  return {
    text,
    texts,
    values(key) {
      const value = values.get(key)
      if (value === undefined) return noValues
      if (value.kind !== 'object') throw wrong(key, 'an object of lists')
      return parameterValues(value, () => wrong(key, 'an object of lists, each name once'))
    },
    seconds: (key) => wrapTtlOf(scalar(key), key),
    count(key) {
      const value = text(key) ?? '0'
      if (!/^[0-9]{1,9}$/.test(value)) throw wrong(key, 'a whole number that is not negative')
      return Number(value)
    },
    time: (key) => timeOf(text(key), () => badRequest(`${named}: invalid expiration time: expected RFC 3339 or seconds since 1970`)),
    capabilities: () => capabilitiesOf(text('policy'), texts('capabilities') ?? [], named),
    keysFilter(granted) {
      const filter = text('list_scan_response_keys_filter_path')
      if (filter === null || filter === '') return null
      const canList = (granted & (bitOf('list') | bitOf('scan'))) !== 0
      if (!canList) throw badRequest('list_scan_response_keys_filter_path needs to be used on a path with the list capability')
      return parseKeysFilter(filter)
    },
  }
}

const noValues: ParameterValues = new Map()

function parameterValues(object: HclObject, wrong: () => Error): ParameterValues {
  const result = new Map<string, readonly Json[]>()
  for (const { keys, value } of object.items) {
    const name = keys[0]?.value.toLowerCase() ?? ''
    if (keys.length !== 1 || value.kind !== 'list' || result.has(name)) throw wrong()
    result.set(name, Object.freeze(jsonOf(decodeHclValue(value))))
  }
  return result
}

/** What HCL decodes to is JSON already, but for its objects, which have no prototype. */
const jsonOf = (data: HclData): readonly Json[] => (Array.isArray(data) ? (data as readonly Json[]) : [])

function wrapTtlOf(value: string | number | null, key: string): number {
  let seconds: number
  try {
    seconds = parseDuration(value)
  } catch (cause) {
    throw badRequest(`error parsing ${key}: ${cause instanceof Error ? cause.message : 'unusable'}`, { cause })
  }
  if (seconds < 0) throw badRequest(`error parsing ${key}: cannot be negative`)
  return seconds
}

const rfc3339 = /^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:[Zz]|[+-]\d{2}:\d{2})$/

function timeOf(value: string | null, wrong: () => Error): number | null {
  if (value === null || value === '') return null
  const time = /^[0-9]{1,12}$/.test(value) ? Number(value) * 1000 : rfc3339.test(value) ? Date.parse(value.replace(' ', 'T')) : Number.NaN
  if (Number.isNaN(time)) throw wrong()
  return time
}

function capabilitiesOf(old: string | null, listed: readonly string[], named: string): Pick<PathRule, 'granted' | 'isDeny'> {
  const older = old === null || old === '' ? [] : oldPolicies.get(old)
  if (older === undefined) throw badRequest(`${named}: invalid policy ${JSON.stringify(old)}`)
  const words = [...older, ...listed]
  const invalid = words.find((word) => word !== 'deny' && bitOf(word) === 0)
  if (invalid !== undefined) throw badRequest(`${named}: invalid capability ${JSON.stringify(invalid)}`)
  const isDeny = words.includes('deny')
  return { isDeny, granted: isDeny ? 0 : words.reduce((bits, word) => bits | bitOf(word), 0) }
}
