/** Templates give what consul-template gives: each of the corpus, with the same secrets in the same server. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { answer, Mounts } from '../../src/agent/template/answers.ts'
import { nameOf, type Known } from '../../src/agent/template/asking.ts'
import { renderTemplate, type TemplateWorld } from '../../src/agent/template/render.ts'
import type { Value } from '../../src/kit/template/values.ts'
import { startDevServer, type TestServer } from '../server.ts'
import { clientOf, environment, readCorpus, readOutcomes, seed } from './corpus.ts'
import { otherwise } from './otherwise.ts'

const world: TemplateWorld = {
  environment,
  now: Date.now,
  readFile: (path) => readFileSync(path, 'utf8'),
  writeFile: () => assert.fail('no template of the corpus writes'),
}

const roundsMax = 10

/** Asks the server until nothing is missing. */
async function render(source: string, client: ReturnType<typeof clientOf>): Promise<string> {
  const known = new Map<string, Value>()
  for (let round = 0; round < roundsMax; round++) {
    const { text, missing } = renderTemplate({ source }, known as Known, world)
    if (missing.length === 0) return text
    for (const question of missing) known.set(nameOf(question), (await answer(client, question, new Mounts())).value)
  }
  return assert.fail('it asks again and again')
}

describe('what consul-template made of each', () => {
  let server: TestServer
  before(async () => {
    server = await startDevServer()
    await seed(clientOf(server.addr))
  })
  after(async () => await server.stop())

  const outcomes = readOutcomes()
  for (const [topic, templates] of Object.entries(readCorpus())) {
    for (const template of templates) {
      test(`${topic} > ${template}`, async () => {
        const expected = outcomes[template]
        const actual = await render(template, clientOf(server.addr)).catch(() => null)
        if (Object.hasOwn(otherwise, template)) assert.notEqual(actual, expected, 'it is the same now; take it out of otherwise.ts')
        else assert.equal(actual, expected)
      })
    }
  }

  test('every template has an outcome', () => {
    assert.deepEqual(Object.keys(outcomes).toSorted(), Object.values(readCorpus()).flat().toSorted())
  })
})
