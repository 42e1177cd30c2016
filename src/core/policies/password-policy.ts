/** Password policies: `length = 20` and `rule "charset" { charset = "abc" min-chars = 1 }`, checked, and passwords made by them. */
import { badRequest } from '../../kit/errors.ts'
import { decodeHcl, type HclData, type HclRecord } from '../../kit/hcl/decode.ts'
import { parseHcl } from '../../kit/hcl/parser.ts'

export interface PasswordPolicy {
  /** In characters. */
  readonly length: number
  readonly rules: readonly CharsetRule[]
  /** All characters that may occur, each once, sorted. */
  readonly characters: readonly string[]
}

interface CharsetRule {
  readonly characters: readonly string[]
  /** At least so many of them. */
  readonly min: number
}

/** As Vault's. */
const lengthMin = 4
const lengthMax = 100
/** One random byte chooses a character. */
const charactersMax = 256
/** After so many passwords that do not satisfy the rules one is put together to satisfy them. */
const attemptsMax = 1000

const printable = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u

/** Throws `bad_request`, worded `invalid password policy: …` or `passwords must be between 4 and 100 characters`. */
export function parsePasswordPolicy(text: string): PasswordPolicy {
  const policy = policyOf(decoded(text))
  const errors = errorsOf(policy)
  if (errors.length > 0) throw badRequest(`invalid password policy: ${errors.join('; ')}`)
  if (policy.length < lengthMin || policy.length > lengthMax)
    throw badRequest(`passwords must be between ${lengthMin} and ${lengthMax} characters`)
  return Object.freeze(policy)
}

const invalid = (what: string): Error => badRequest(`invalid password policy: ${what}`)

function decoded(text: string): HclRecord {
  try {
    return decodeHcl(parseHcl(text))
  } catch (cause) {
    throw badRequest(`invalid password policy: unable to decode: ${cause instanceof Error ? cause.message : ''}`, { cause })
  }
}

/** Left out keys are taken for a mistake: a policy must not be weaker than it looks. */
function checkKeys(record: HclRecord, known: readonly string[]): void {
  const unknown = Object.keys(record).find((key) => !known.includes(key))
  if (unknown !== undefined) throw invalid(`unknown key ${JSON.stringify(unknown)}`)
}

function policyOf(record: HclRecord): PasswordPolicy {
  checkKeys(record, ['length', 'rule'])
  const rules = recordsOf(record['rule'], 'rule').flatMap((rule) => {
    checkKeys(rule, ['charset'])
    const charsets = recordsOf(rule['charset'], 'rule "charset"')
    if (charsets.length === 0) throw invalid('a rule is empty')
    return charsets.map(ruleOf)
  })
  const characters = [...new Set(rules.flatMap((rule) => rule.characters))].toSorted()
  return { length: countOf(record['length'], 'length'), rules, characters }
}

function recordsOf(data: HclData | undefined, what: string): HclRecord[] {
  const items = data === undefined ? [] : Array.isArray(data) ? data : [data]
  return items.map((item) => {
    if (typeof item !== 'object' || Array.isArray(item)) throw invalid(`${what} must be a block`)
    return item
  })
}

function ruleOf(record: HclRecord): CharsetRule {
  checkKeys(record, ['charset', 'min-chars'])
  const charset = record['charset'] ?? ''
  if (typeof charset !== 'string') throw invalid('charset must be a text')
  return Object.freeze({ characters: [...new Set(charset)], min: countOf(record['min-chars'], 'min-chars') })
}

function countOf(data: HclData | undefined, what: string): number {
  if (data === undefined) return 0
  if (typeof data !== 'number' || !Number.isInteger(data) || data < 0) throw invalid(`${what} must be a whole number that is not negative`)
  return data
}

function errorsOf({ length, rules, characters }: PasswordPolicy): string[] {
  const errors: string[] = []
  const least = rules.reduce((sum, rule) => sum + rule.min, 0)
  if (length === 0) errors.push('length must be > 0')
  else if (length < least) errors.push(`specified rules require at least ${least} characters but ${length} is specified`)
  if (characters.length === 0) errors.push('no charset specified')
  if (rules.some((rule) => rule.min > 0 && rule.characters.length === 0)) errors.push('a rule requires characters but names none')
  if (characters.length > charactersMax) errors.push(`charset is too long: limited to ${charactersMax} characters`)
  if (characters.some((character) => !printable.test(character))) errors.push('non-printable character in charset')
  return errors
}

/**
 * A password that satisfies the policy, every such password equally likely: whole candidates are drawn until one satisfies the rules.
 * Rules that hardly any candidate satisfies are met by construction instead, which favours some passwords over others a little.
 * `random` returns that many random bytes.
 */
export function generatePassword(policy: PasswordPolicy, random: (bytes: number) => Uint8Array): string {
  const pick = indexSource(random)
  const draw = (characters: readonly string[], count: number): string[] =>
    Array.from({ length: count }, () => characters[pick(characters.length)] ?? '')
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const candidate = draw(policy.characters, policy.length)
    if (policy.rules.every((rule) => satisfies(candidate, rule))) return candidate.join('')
  }
  const required = policy.rules.flatMap((rule) => draw(rule.characters, rule.min))
  return shuffled([...required, ...draw(policy.characters, policy.length - required.length)], pick).join('')
}

const satisfies = (candidate: readonly string[], { characters, min }: CharsetRule): boolean =>
  min === 0 || candidate.filter((character) => characters.includes(character)).length >= min

/** Unbiased numbers below `size` (at most 256): bytes beyond its greatest multiple are thrown away. */
function indexSource(random: (bytes: number) => Uint8Array): (size: number) => number {
  let bytes = new Uint8Array(0)
  let next = 0
  return (size) => {
    const limit = 256 - (256 % size)
    for (;;) {
      if (next >= bytes.length) [bytes, next] = [Uint8Array.from(random(64)), 0]
      const byte = bytes[next++] ?? 255
      if (byte < limit) return byte % size
    }
  }
}

/** Fisher-Yates. */
function shuffled(items: readonly string[], pick: (size: number) => number): string[] {
  const result = [...items]
  for (let i = result.length - 1; i > 0; i--) {
    const other = pick(i + 1)
    const [a, b] = [result[i] ?? '', result[other] ?? '']
    result[i] = b
    result[other] = a
  }
  return result
}
