/** Routes are compiled when an engine is first used: that all of them can be is proven here. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { builtinRegistry } from './engines.ts'

test('no two operations of any engine could be mistaken for each other', () => {
  const { all } = builtinRegistry()
  assert.ok(all.length > 10)
  for (const { engine, routes } of all) {
    const operations = routes.templates.reduce((count, template) => count + template.operations.length, 0)
    assert.equal(operations, engine.operations.length, engine.type)
  }
})
