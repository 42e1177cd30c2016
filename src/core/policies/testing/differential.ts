/** The index against a second evaluator, written from the documentation alone: every rule tried by regular expression, then sorted. */
import assert from 'node:assert/strict'
import * as fc from 'fast-check'
import { compileAcl } from '../acl.ts'
import { parsePolicy } from '../parse.ts'

interface NaiveRule {
  readonly pattern: string
  readonly words: readonly string[]
}

const quote = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')

const isWild = (pattern: string): boolean => pattern.endsWith('*') || pattern.split('/').includes('+')

function matches(pattern: string, path: string): boolean {
  const glob = pattern.endsWith('*')
  const parts = (glob ? pattern.slice(0, -1) : pattern).split('/').map((part) => (part === '+' ? '[^/]*' : quote(part)))
  return new RegExp(`^${parts.join('/')}${glob ? '.*' : ''}$`, 's').test(path)
}

/** The five rules of the documentation: does `a` have lower priority than `b`? */
function isLower(a: string, b: string): boolean {
  const firstWild = (pattern: string): number =>
    [...pattern].findIndex(
      (character, i) =>
        (character === '*' && i === pattern.length - 1) ||
        (character === '+' && /(?:^|\/)\+(?:\/|$)/.test(pattern.slice(Math.max(0, i - 1), i + 2))),
    )
  const pluses = (pattern: string): number => pattern.split('/').filter((part) => part === '+').length
  const star = (pattern: string): boolean => pattern.endsWith('*')
  const bare = (pattern: string): string => (star(pattern) ? pattern.slice(0, -1) : pattern)
  if (firstWild(a) !== firstWild(b)) return firstWild(a) < firstWild(b)
  if (star(a) !== star(b)) return star(a)
  if (pluses(a) !== pluses(b)) return pluses(a) > pluses(b)
  if (bare(a).length !== bare(b).length) return bare(a).length < bare(b).length
  return bare(a) < bare(b)
}

const best = (candidates: readonly string[]): string | undefined =>
  candidates.reduce<string | undefined>((top, pattern) => (top === undefined || isLower(top, pattern) ? pattern : top), undefined)

function naiveAllows(rules: readonly NaiveRule[], path: string, capability: string): boolean {
  const patterns = [...new Set(rules.map((rule) => rule.pattern))]
  const wordsOf = (pattern: string): readonly string[] => rules.filter((rule) => rule.pattern === pattern).flatMap((rule) => rule.words)
  const decide = (pattern: string | undefined): boolean =>
    pattern !== undefined && !wordsOf(pattern).includes('deny') && wordsOf(pattern).includes(capability)
  const exact = (wanted: string): string | undefined => patterns.find((pattern) => !isWild(pattern) && pattern === wanted)
  const wild = (wanted: string): string | undefined => best(patterns.filter((pattern) => isWild(pattern) && matches(pattern, wanted)))
  if (capability !== 'list' && capability !== 'scan') return decide(exact(path) ?? wild(path))
  const folder = path === '' || path.endsWith('/') ? path : `${path}/`
  const bare = folder.slice(0, -1)
  const found = exact(folder) ?? (folder === '' ? undefined : exact(bare))
  if (found !== undefined) return decide(found)
  const [asAsked, without] = [wild(folder), folder === '' ? undefined : wild(bare)]
  if (asAsked !== undefined && wordsOf(asAsked).includes('deny')) return false
  return decide(best([asAsked, without].filter((pattern) => pattern !== undefined)))
}

const segment = fc.constantFrom('a', 'b', 'ab', 'abc', 'c', '')
const pattern = fc
  .tuple(
    fc.array(fc.oneof({ weight: 3, arbitrary: segment }, { weight: 1, arbitrary: fc.constant('+') }), { minLength: 1, maxLength: 5 }),
    fc.constantFrom('', '', '*', '/*', '/', 'b*'),
  )
  .map(([parts, end]) => parts.join('/') + end)
  .filter((text) => !text.includes('+*') && !text.includes('+b') && !text.startsWith('/'))
const word = fc.constantFrom('read', 'list', 'scan', 'update', 'deny')
const policies = fc.array(fc.array(fc.record({ pattern, words: fc.uniqueArray(word, { maxLength: 3 }) }), { minLength: 1, maxLength: 8 }), {
  minLength: 1,
  maxLength: 4,
})
const path = fc
  .tuple(fc.array(segment, { minLength: 1, maxLength: 5 }), fc.constantFrom('', '/'))
  .map(([parts, end]) => parts.join('/') + end)
  .filter((text) => !text.startsWith('/'))

export interface Comparison {
  readonly allowed: number
  readonly checked: number
}

/** Fails at the first verdict that differs, with the policies. */
export function comparePolicies(sets: number, seed: number): Comparison {
  let [allowed, checked] = [0, 0]
  fc.assert(
    fc.property(policies, fc.array(path, { minLength: 10, maxLength: 10 }), (drawn, paths) => {
      const texts = drawn.map((rules) =>
        rules.map((rule) => `path "${rule.pattern}" { capabilities = ${JSON.stringify(rule.words)} }`).join('\n'),
      )
      const acl = compileAcl(texts.map((text, i) => parsePolicy(`p${i}`, text)))
      for (const asked of paths) {
        for (const capability of ['read', 'list', 'scan', 'update'] as const) {
          const verdict = acl.judge({ path: asked, capability, sudo: false, data: null, wrapTtl: null, nowMs: 0 })
          assert.equal(
            verdict.allowed,
            naiveAllows(drawn.flat(), asked, capability),
            `${capability} ${asked}: ${verdict.reason}\n${texts.join('\n')}`,
          )
          checked++
          if (verdict.allowed) allowed++
        }
      }
    }),
    { seed, numRuns: sets },
  )
  return { allowed, checked }
}
