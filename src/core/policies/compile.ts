/** From policies to one rule per pattern: templates filled in, expired rules left out, the same pattern of several policies merged. */
import { bitOf, namesOf } from './capabilities.ts'
import type { KeysFilter } from './keys-filter.ts'
import { mergeValues, type ParameterRules } from './parameters.ts'
import type { Policy } from './parse.ts'
import { parsePattern, type Pattern } from './pattern.ts'
import type { Indexed } from './pattern-index.ts'
import type { PathRule } from './rule.ts'
import { renderTemplate, type IdentityView } from './template.ts'

/** What holds for one pattern. */
export interface MergedRule extends Indexed {
  readonly pattern: Pattern
  readonly isDeny: boolean
  readonly granted: number
  /** Alphabetical, for people: `['deny']` for a denial or an empty rule. */
  readonly capabilities: readonly string[]
  readonly sources: readonly Source[]
  readonly parameters: ParameterRules
  readonly minWrapTtl: number
  readonly maxWrapTtl: number
  readonly pageLimit: number
  readonly keysFilter: KeysFilter | null
  readonly mfaMethods: readonly string[]
  readonly eventTypes: readonly string[] | null
}

/** A policy that has a rule for the pattern, and what that rule says. */
interface Source {
  readonly policy: string
  readonly isDeny: boolean
  readonly granted: number
}

export interface RuleSet {
  readonly rules: readonly MergedRule[]
  /** The rules hold from this time, up to before that one: milliseconds since 1970. */
  readonly from: number
  readonly until: number
}

/** The rules in force at `nowMs`. */
export function mergeRules(policies: readonly Policy[], identity: IdentityView | null, nowMs: number): RuleSet {
  const merged = new Map<string, MergedRule>()
  let [from, until] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]
  for (const policy of policies) {
    for (const rule of policy.rules) {
      if (rule.expiresAt !== null) {
        if (nowMs >= rule.expiresAt) from = Math.max(from, rule.expiresAt)
        else until = Math.min(until, rule.expiresAt)
      }
      if (rule.expiresAt !== null && nowMs >= rule.expiresAt) continue
      const text = patternOf(policy, rule, identity)
      if (text === null) continue
      const earlier = merged.get(text)
      const next = asMerged(text, policy, rule)
      merged.set(text, earlier === undefined ? next : union(earlier, next))
    }
  }
  return { rules: [...merged.values()], from, until }
}

/** With its namespace; null when the rule does not count for this caller. */
function patternOf(policy: Policy, rule: PathRule, identity: IdentityView | null): string | null {
  if (!rule.isTemplated) return policy.namespace + rule.pattern
  const { namespace, allowWildcards, allowSlashes } = policy
  // In a denial a wildcard can only take more away: dropping the rule instead would let a name switch it off.
  const rules = rule.isDeny ? { namespace, allowWildcards: true, allowSlashes: true } : { namespace, allowWildcards, allowSlashes }
  const rendered = renderTemplate(rule.pattern, identity, rules)
  if (rendered === null || (!rule.isDeny && rendered.includes('+*'))) return null
  return namespace + (rendered.startsWith('/') ? rendered.slice(1) : rendered)
}

function asMerged(text: string, policy: Policy, rule: PathRule): MergedRule {
  const { isDeny, granted, parameters, minWrapTtl, maxWrapTtl, pageLimit, keysFilter, mfaMethods, eventTypes } = rule
  const sources = [{ policy: policy.name, isDeny, granted }]
  return {
    pattern: parsePattern(text),
    isDeny,
    granted,
    capabilities: namesOf(granted),
    sources,
    parameters,
    minWrapTtl,
    maxWrapTtl,
    pageLimit,
    keysFilter,
    mfaMethods,
    eventTypes,
  }
}

/**
 * Vault's union: capabilities add up, a denial wins, conditions of both hold; where both name a limit the lower one counts, and of two
 * filters the first.
 */
function union(a: MergedRule, b: MergedRule): MergedRule {
  const isDeny = a.isDeny || b.isDeny
  const granted = isDeny ? 0 : a.granted | b.granted
  return {
    pattern: a.pattern,
    isDeny,
    granted,
    capabilities: namesOf(granted),
    sources: [...a.sources, ...b.sources],
    parameters: {
      required: [...new Set([...a.parameters.required, ...b.parameters.required])],
      allowed: mergeValues(a.parameters.allowed, b.parameters.allowed),
      denied: mergeValues(a.parameters.denied, b.parameters.denied),
    },
    minWrapTtl: lower(a.minWrapTtl, b.minWrapTtl),
    maxWrapTtl: lower(a.maxWrapTtl, b.maxWrapTtl),
    pageLimit: lower(a.pageLimit, b.pageLimit),
    keysFilter: a.keysFilter ?? b.keysFilter,
    mfaMethods: [...new Set([...a.mfaMethods, ...b.mfaMethods])],
    eventTypes: unionOfTypes(a, b),
  }
}

/** The lower of two limits, of which 0 is none. */
const lower = (a: number, b: number): number => (a === 0 || b === 0 ? a + b : Math.min(a, b))

/** A rule that does not let subscribe says nothing about kinds of events. */
function unionOfTypes(a: MergedRule, b: MergedRule): readonly string[] | null {
  const subscribe = bitOf('subscribe')
  const given = [a, b].filter((rule) => (rule.granted & subscribe) !== 0)
  if (given.length === 0 || given.some((rule) => rule.eventTypes === null)) return null
  return [...new Set(given.flatMap((rule) => rule.eventTypes ?? []))]
}
