/** An engine that counts: a number for each name, which every write makes larger. */
import { engine } from '../../src/kit/engine.ts'
import { badRequest } from '../../src/kit/errors.ts'
import { defaulted, integer, nameText } from '../../src/kit/fields.ts'
import { path } from '../../src/kit/operation.ts'
import { records } from '../../src/kit/records.ts'
import { listed } from '../../src/kit/result.ts'

interface Count {
  readonly value: number
}

const counts = records<Count, [name: string]>((name) => `count/${name}`)
const count = path('count/{name}', { name: nameText('Name of the count.') })

const readCount = count.read({
  summary: 'Show a count.',
  output: { value: integer('How far it has come.') },
  async handle({ params, store }) {
    const found = await counts.read(store, params.name)
    return found === null ? null : { value: found.value }
  },
})

const addToCount = count.write({
  summary: 'Count on.',
  input: { by: defaulted(integer('How much to add.'), 1) },
  async handle({ params, input, store }) {
    if (input.by < 1) throw badRequest('by must be 1 or more')
    const before = await counts.read(store, params.name)
    counts.write(store, { value: (before?.value ?? 0) + input.by }, params.name)
    return null
  },
})

const listCounts = path('count').list({
  summary: 'List the counts.',
  handle: async ({ store }) => listed(await store.list('count/')),
})

export const counter = engine({
  type: 'counter',
  kind: 'secret',
  summary: 'Keeps a count for each name.',
  operations: [readCount, addToCount, listCounts],
})
