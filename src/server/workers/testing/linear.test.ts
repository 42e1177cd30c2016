/** The checker of histories against examples, and against one that tries every order. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '../../../storage/seeded.ts'
import { isLinearizable, reading, settingIf, writing, type Operation } from './linear.ts'

const from = (began: number, ended: number, apply: Operation['apply']): Operation => ({ began, ended, apply })

test('what happened one after the other is explained', () => {
  assert.ok(isLinearizable([from(0, 1, reading({ version: 0, value: null })), from(2, 3, writing('a', 1)), from(4, 5, settingIf('b', 1, true)), from(6, 7, reading({ version: 2, value: 'b' }))]))
})

test('a read beside a write may see either, and one after it must see it', () => {
  const write = from(2, 6, writing('a', 1))
  const [none, some] = [reading({ version: 0, value: null }), reading({ version: 1, value: 'a' })]
  for (const apply of [none, some]) assert.ok(isLinearizable([write, from(3, 4, apply)]))
  assert.ok(!isLinearizable([write, from(7, 8, none)]))
  assert.ok(isLinearizable([write, from(3, 4, some), from(5, 8, some)]))
  assert.ok(!isLinearizable([write, from(3, 4, some), from(5, 8, none)]), 'what was seen is not unseen')
})

test('a write without an answer may have happened at any later time, or never, but once', () => {
  const lost = from(0, Infinity, writing('a', null))
  const [none, some] = [reading({ version: 0, value: null }), reading({ version: 1, value: 'a' })]
  assert.ok(isLinearizable([lost, from(3, 4, none), from(5, 6, some)]))
  assert.ok(isLinearizable([lost, from(3, 4, none), from(5, 6, writing('b', 1))]))
  assert.ok(!isLinearizable([lost, from(1, 2, some), from(3, 4, none)]))
  assert.ok(!isLinearizable([lost, from(1, 2, some), from(3, 4, reading({ version: 2, value: 'a' }))]))
  assert.ok(!isLinearizable([from(1, 2, some), from(3, Infinity, writing('a', null))]), 'not before it began')
})

test('of two that set at the same version one at most is done, and neither is refused at that version alone', () => {
  assert.ok(!isLinearizable([from(0, 5, settingIf('a', 0, true)), from(0, 5, settingIf('b', 0, true))]))
  assert.ok(isLinearizable([from(0, 5, settingIf('a', 0, true)), from(0, 5, settingIf('b', 0, false))]))
  assert.ok(!isLinearizable([from(0, 5, settingIf('b', 0, false))]))
})

/** Every order of those with an answer and of any of those without. */
function isExplained(left: readonly Operation[], state: Parameters<Operation['apply']>[0]): boolean {
  if (left.every(({ ended }) => ended === Infinity)) return true
  const firstEnd = Math.min(...left.map(({ ended }) => ended))
  return left.some((operation) => {
    const after = operation.began < firstEnd ? operation.apply(state) : null
    return after !== null && isExplained(left.filter((other) => other !== operation), after)
  })
}

test('it says of random histories what trying every order says', () => {
  const random = seededRandom(17)
  const below = (limit: number): number => Math.floor(random() * limit)
  const make = (i: number): Operation['apply'] => {
    const [kind, version] = [below(3), below(4)]
    if (kind === 0) return reading(version === 0 ? { version, value: null } : { version, value: `${below(5)}` })
    return kind === 1 ? writing(`${i}`, below(6) === 0 ? null : version + 1) : settingIf(`${i}`, version, below(3) > 0)
  }
  const counts = { true: 0, false: 0 }
  // Moments differ, as those of real histories do.
  for (let round = 0; round < 6_000; round++) {
    const operations = Array.from({ length: 2 + below(4) }, (_, i) => {
      const began = below(20) + i / 10
      return from(began, below(8) === 0 ? Infinity : began + 0.01 + below(12), make(i))
    })
    const expected = isExplained(operations, { version: 0, value: null })
    assert.equal(isLinearizable(operations), expected)
    counts[`${expected}`] += 1
  }
  assert.ok(counts.true > 300 && counts.false > 300, JSON.stringify(counts))
})
