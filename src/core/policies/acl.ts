/** The access rules of a set of policies, compiled once: what may be done where, and why not. Judging never throws. */
import type { Json, JsonObject } from '../../kit/json.ts'
import { bitOf, capabilityNames, namesOf, type Capability } from './capabilities.ts'
import { mergeRules, type MergedRule, type RuleSet } from './compile.ts'
import { checkConditions } from './conditions.ts'
import type { Policy } from './parse.ts'
import { indexPatterns, type PatternIndex } from './pattern-index.ts'
import type { IdentityView } from './template.ts'
import type { Question, Verdict, VerdictCode } from './verdict.ts'

export type { Question, Verdict } from './verdict.ts'

export interface AclOptions {
  /** The policy `root` is among them: everything below `rootOf` is allowed. */
  readonly isRoot?: boolean
  /** The namespace of that policy: '' or `a/b/`. */
  readonly rootOf?: string
  /** Fills in templates. Without it templated rules do not count. */
  readonly identity?: IdentityView | null
  /** Says which rules have expired where no time is handed in. */
  readonly now?: () => number
}

export interface Acl {
  readonly isRoot: boolean
  readonly judge: (question: Question) => Verdict
  /** Sorted; `['deny']` for nothing, `['root']` for root. As Vault does, this asks what a listing of the path would be judged by. */
  readonly capabilities: (path: string, nowMs?: number) => readonly string[]
  /** Whether anything at or below `prefix` (a mount's path, ending in '/') could be allowed. May say yes too often, never no. */
  readonly hasAnyAccess: (prefix: string, nowMs?: number) => boolean
  /** The keys of a listing that `verdict` lets through: those to be read, and folders to be listed. */
  readonly visibleKeys: (verdict: Verdict, path: string, keys: readonly string[], nowMs?: number) => readonly string[]
  /** The body of `sys/internal/ui/resultant-acl`. */
  readonly resultant: (nowMs?: number) => ResultantAcl
}

export type ResultantAcl = Readonly<Record<string, Json>>

export function compileAcl(policies: readonly Policy[], options: AclOptions = {}): Acl {
  const rootOf = options.isRoot === true ? (options.rootOf ?? '') : null
  const clock = options.now
  let current: { readonly set: RuleSet; readonly index: PatternIndex<MergedRule>; readonly verdicts: Verdicts } | null = null
  let lastNow = Number.NEGATIVE_INFINITY
  /** The rules of a moment. They change only when one expires, so the last ones nearly always hold. */
  const at = (nowMs: number): NonNullable<typeof current> => {
    lastNow = nowMs
    if (current !== null && nowMs >= current.set.from && nowMs < current.set.until) return current
    const set = mergeRules(policies, options.identity ?? null, nowMs)
    current = { set, index: indexPatterns(set.rules), verdicts: new Map() }
    return current
  }
  const nowOr = (nowMs: number | undefined): number => nowMs ?? clock?.() ?? lastNow
  const isRootAt = (path: string): boolean => rootOf !== null && path.startsWith(rootOf)

  const judge = (question: Question): Verdict => {
    const { path } = question
    if (isRootAt(path)) return rootVerdict
    if (!isCanonical(path)) return notCanonical
    const { index, verdicts } = at(question.nowMs)
    const rule = findRule(index, question)
    return rule === null ? noRule : verdictOf(rule, question, verdicts)
  }
  const capabilities = (path: string, nowMs?: number): readonly string[] => {
    const bare = path.replace(/^\/+/, '')
    if (isRootAt(bare)) return rootCapability
    const rule = at(nowOr(nowMs)).index.findListing(bare)
    return namesOf(rule?.granted ?? 0)
  }
  return Object.freeze({
    isRoot: rootOf !== null,
    judge,
    capabilities,
    hasAnyAccess: (prefix, nowMs) =>
      isRootAt(prefix) ||
      capabilities(prefix, nowMs)[0] !== 'deny' ||
      at(nowOr(nowMs)).index.hasBelow(prefix, (rule) => rule.granted !== 0),
    visibleKeys(verdict, path, keys, nowMs) {
      const filter = verdict.keysFilter
      if (filter === null) return keys
      const plain = { sudo: false, data: null, wrapTtl: null, nowMs: nowOr(nowMs) }
      return keys.filter((key) => judge({ ...plain, path: filter(path, key), capability: key.endsWith('/') ? 'list' : 'read' }).allowed)
    },
    resultant: (nowMs) => (rootOf === null ? resultantOf(at(nowOr(nowMs)).set.rules) : { root: true }),
  } satisfies Acl)
}

const rootCapability: readonly string[] = Object.freeze(['root'])

const verdict = (code: VerdictCode, reason: string, rest: Partial<Verdict> = {}): Verdict =>
  Object.freeze({ allowed: false, isRoot: false, code, reason, rule: null, pageLimit: null, keysFilter: null, ...rest })
const rootVerdict = verdict('root', 'policy "root"', { allowed: true, isRoot: true })
const noRule = verdict('no_rule', 'no rule matches')
const notCanonical = verdict('not_canonical', 'the path is not in its canonical form')

/** Routing and policy must mean the same path (CVE-2026-3605). The wire refuses such paths; here they find no rule. */
const isCanonical = (path: string): boolean => !path.startsWith('/') && !(path.includes('.') && /(?:^|\/)\.\.?(?:\/|$)/.test(path))

function findRule(index: PatternIndex<MergedRule>, { path, capability }: Question): MergedRule | null {
  if (capability !== 'list' && capability !== 'scan') return index.find(path)
  return index.findListing(path === '' || path.endsWith('/') ? path : `${path}/`)
}

/** Verdicts that depend on nothing but rule, capability and sudo, made once. */
type Verdicts = Map<MergedRule, Map<string, Verdict>>

function verdictOf(rule: MergedRule, question: Question, known: Verdicts): Verdict {
  const base = baseVerdict(rule, question, known)
  if (!base.allowed || question.capability === 'sudo') return base
  const outcome = checkConditions(rule, question)
  if (outcome === null) return base
  if ('pageLimit' in outcome) return verdict('allowed', base.reason, { ...base, pageLimit: outcome.pageLimit })
  return verdict(outcome.code, `${outcome.text} in ${nameOf(rule, rule.sources)}`, { rule: base.rule })
}

function baseVerdict(rule: MergedRule, { capability, sudo }: Question, known: Verdicts): Verdict {
  const ofRule = known.get(rule) ?? new Map<string, Verdict>()
  if (ofRule.size === 0) known.set(rule, ofRule)
  const key = sudo ? `sudo ${capability}` : capability
  const found = ofRule.get(key)
  if (found !== undefined) return found
  const made = makeVerdict(rule, capability, sudo)
  ofRule.set(key, made)
  return made
}

function makeVerdict(rule: MergedRule, capability: Capability, sudo: boolean): Verdict {
  const shown = (sources: MergedRule['sources']): Verdict['rule'] =>
    Object.freeze({
      policies: Object.freeze([...new Set(sources.map((source) => source.policy))]),
      pattern: rule.pattern.text,
      capabilities: rule.capabilities,
    })
  if (rule.isDeny) {
    const denials = rule.sources.filter((source) => source.isDeny)
    return verdict('denied', `denied by ${nameOf(rule, denials)}`, { rule: shown(denials) })
  }
  const missing = (rule.granted & bitOf(capability)) === 0 ? capability : sudo && (rule.granted & bitOf('sudo')) === 0 ? 'sudo' : null
  if (missing !== null) {
    const code = missing === capability ? 'capability_missing' : 'sudo_missing'
    return verdict(code, `capability "${missing}" missing in ${nameOf(rule, rule.sources)}`, { rule: shown(rule.sources) })
  }
  const granting = rule.sources.filter((source) => (source.granted & bitOf(capability)) !== 0)
  return verdict('allowed', `allowed by ${nameOf(rule, granting)}`, { allowed: true, rule: shown(granting), keysFilter: rule.keysFilter })
}

function nameOf(rule: MergedRule, sources: MergedRule['sources']): string {
  const policies = [...new Set(sources.map((source) => JSON.stringify(source.policy)))]
  return `rule ${JSON.stringify(rule.pattern.text)} of ${policies.length === 1 ? 'policy' : 'policies'} ${policies.join(', ')}`
}

function resultantOf(rules: readonly MergedRule[]): ResultantAcl {
  const exact: Record<string, Json> = Object.create(null) as Record<string, Json>
  const glob: Record<string, Json> = Object.create(null) as Record<string, Json>
  for (const rule of rules) {
    const { pattern } = rule
    if (pattern.wildcards > 0) glob[pattern.text] = shownRule(rule)
    else if (pattern.isGlob) glob[pattern.body] = shownRule(rule)
    else exact[pattern.body] = shownRule(rule)
  }
  return { root: false, exact_paths: exact, glob_paths: glob }
}

/** In the order and with the keys of Vault. */
const resultantOrder = ['create', 'delete', 'list', 'read', 'sudo', 'update', 'patch', 'scan', ...capabilityNames]

function shownRule(rule: MergedRule): JsonObject {
  const { required, allowed, denied } = rule.parameters
  return {
    capabilities: rule.granted === 0 ? ['deny'] : [...new Set(resultantOrder)].filter((name) => rule.capabilities.includes(name)),
    ...(rule.minWrapTtl > 0 && { min_wrapping_ttl: rule.minWrapTtl }),
    ...(rule.maxWrapTtl > 0 && { max_wrapping_ttl: rule.maxWrapTtl }),
    ...(allowed.size > 0 && { allowed_parameters: Object.fromEntries(allowed) }),
    ...(denied.size > 0 && { denied_parameters: Object.fromEntries(denied) }),
    ...(required.length > 0 && { required_parameters: required }),
  }
}
