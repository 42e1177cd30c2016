import assert from 'node:assert/strict'
import { test } from 'node:test'
import { answerOf, envelope, outcome } from './answer.ts'

const names = Array.from({ length: 30_000 }, (_, i) => `name-${i}`)
const wide = Object.fromEntries(names.map((name) => [name, { type: 'kv' }]))

test('an answer of very many entries is the same text, and others have their turn while it is written', async () => {
  for (const [data, repeatedAtTop] of [[{ keys: names }, false], [wide, true], [{ auth: wide }, true], [{ secret: wide, auth: { a: 1 } }, true]] as const) {
    const out = outcome({ data, repeatedAtTop })
    const { body, stream } = answerOf('id', out)
    assert.ok(body === null && stream !== undefined)
    let [text, turns] = ['', 0]
    let isOver = false
    const count = (): void => void (turns++, isOver || setImmediate(count))
    setImmediate(count)
    for await (const piece of stream) text += String(piece)
    isOver = true
    assert.equal(text, envelope('id', out))
    assert.ok(turns > 30, `${turns} turns`)
  }
  assert.equal(answerOf('id', outcome({ data: { keys: names.slice(0, 4_000) } })).stream, undefined)
})
