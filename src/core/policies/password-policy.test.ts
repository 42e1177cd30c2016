/** Password policies: what is refused, and that passwords satisfy the rules and are spread evenly. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ApiError } from '../../kit/errors.ts'
import { generatePassword, parsePasswordPolicy } from './password-policy.ts'

/** xorshift32: even enough for statistics, and the same in every run. */
function seeded(seed: number): (bytes: number) => Uint8Array {
  let state = seed
  return (count) =>
    Uint8Array.from({ length: count }, () => {
      state ^= state << 13
      state ^= state >>> 17
      state ^= state << 5
      return (state >>> 8) & 255
    })
}

const charset = (characters: string, min?: number): string =>
  `rule "charset" { charset = ${JSON.stringify(characters)}${min === undefined ? '' : ` min-chars = ${min}`} }\n`
const lower = 'abcdefghijklmnopqrstuvwxyz'

test('a policy is length and rules', () => {
  assert.deepEqual(parsePasswordPolicy(`length = 20\n${charset('cab', 1)}${charset('b1')}`), {
    length: 20,
    rules: [
      { characters: ['c', 'a', 'b'], min: 1 },
      { characters: ['b', '1'], min: 0 },
    ],
    characters: ['1', 'a', 'b', 'c'],
  })
  assert.deepEqual(parsePasswordPolicy('{"length":8,"rule":[{"charset":{"charset":"ab","min-chars":2}}]}').rules, [
    { characters: ['a', 'b'], min: 2 },
  ])
})

test('mistakes are refused with what is wrong', () => {
  const cases: readonly (readonly [string, string])[] = [
    [`length = 3 ${charset('abc')}`, 'passwords must be between 4 and 100 characters'],
    [`length = 101 ${charset('abc')}`, 'passwords must be between 4 and 100 characters'],
    ['length = 20', 'invalid password policy: no charset specified'],
    [`length = 4 ${charset('abc', 5)}`, 'invalid password policy: specified rules require at least 5 characters but 4 is specified'],
    [
      `length = 5 ${charset('abc', 3)}${charset('1', 3)}`,
      'invalid password policy: specified rules require at least 6 characters but 5 is specified',
    ],
    [charset('abc'), 'invalid password policy: length must be > 0'],
    [`length = 8 ${charset('abc')}${charset('', 1)}`, 'invalid password policy: a rule requires characters but names none'],
    [`length = 8 ${charset('a\tb')}`, 'invalid password policy: non-printable character in charset'],
    [
      `length = 8 ${charset(String.fromCodePoint(...Array.from({ length: 257 }, (_, i) => 0x4e00 + i)))}`,
      'invalid password policy: charset is too long: limited to 256 characters',
    ],
    [`length = "8" ${charset('abc')}`, 'invalid password policy: length must be a whole number that is not negative'],
    [`length = 8 rule "charset" { charset = "abc" min_chars = 3 }`, 'invalid password policy: unknown key "min_chars"'],
    [`lenght = 8 ${charset('abc')}`, 'invalid password policy: unknown key "lenght"'],
    ['length = 8 rule "regex" { pattern = "x" }', 'invalid password policy: unknown key "regex"'],
    ['length = 8 rule = "charset"', 'invalid password policy: rule must be a block'],
    ['length = 8 rule "charset" { charset = ["a"] }', 'invalid password policy: charset must be a text'],
    [
      'length is nice',
      "invalid password policy: unable to decode: At 1:15: key 'length is nice' expected start of object ('{') or assignment ('=')",
    ],
  ]
  for (const [text, message] of cases) {
    assert.throws(
      () => parsePasswordPolicy(text),
      (error) => error instanceof ApiError && error.code === 'bad_request' && error.message === message,
      text,
    )
  }
})

test('every password satisfies the policy', () => {
  const policy = parsePasswordPolicy(`length = 12 ${charset(lower, 2)}${charset('ABC', 1)}${charset('0123456789', 3)}${charset('-', 1)}`)
  const random = seeded(1)
  for (let i = 0; i < 300; i++) {
    const password = generatePassword(policy, random)
    assert.match(password, /^[a-zABC0-9-]{12}$/)
    assert.ok(
      (password.match(/[a-z]/g) ?? []).length >= 2 &&
        /[ABC]/.test(password) &&
        (password.match(/\d/g) ?? []).length >= 3 &&
        password.includes('-'),
      password,
    )
  }
})

test('rules that hardly any candidate satisfies are satisfied all the same', () => {
  const policy = parsePasswordPolicy(`length = 20 ${charset(lower)}${charset('-', 18)}`)
  const passwords = Array.from({ length: 20 }, (_, i) => generatePassword(policy, seeded(i + 1)))
  for (const password of passwords) assert.ok(password.length === 20 && password.replaceAll(/[^-]/g, '').length >= 18, password)
  assert.ok(new Set(passwords).size > 15)
})

test('a policy of one character has one password', () => {
  assert.equal(generatePassword(parsePasswordPolicy(`length = 6 ${charset('0', 1)}`), seeded(1)), '000000')
})

test('characters beyond the basic plane count as one', () => {
  const policy = parsePasswordPolicy(`length = 6 ${charset('\u{1f511}\u{1f512}')}`)
  assert.equal([...generatePassword(policy, seeded(5))].length, 6)
})

test('every character is equally likely, also where their number does not divide 256', () => {
  const policy = parsePasswordPolicy(`length = 100 ${charset('0123456789')}${charset(lower)}${charset('ABCDEFGHIJKLMNOPQRSTUVWXYZ-')}`)
  const counts = new Map<string, number>()
  const random = seeded(7)
  const rounds = 2000
  for (let i = 0; i < rounds; i++)
    for (const character of generatePassword(policy, random)) counts.set(character, (counts.get(character) ?? 0) + 1)
  assert.equal(counts.size, 63)
  const expected = (rounds * 100) / 63
  const chiSquare = [...counts.values()].reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0)
  // 62 degrees of freedom: above 114 once in 20,000.
  assert.ok(chiSquare < 114, `chi-square ${chiSquare}`)
})
