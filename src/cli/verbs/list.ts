/** `list PATH`: the names below any path of the API. */
import { defineCommand } from '../command.ts'
import { step } from '../describe-failure.ts'
import { integer, text } from '../flags.ts'
import { printListing } from '../output/printer.ts'
import { trimPath } from '../paths.ts'

export const command = defineCommand({
  name: 'list',
  summary: 'List the names below a path',
  arguments: 'PATH',
  description: 'Lists names. Those that end in / have further names below them. An empty list exits with code 2.',
  examples: [
    ['List policies:', 'list sys/policies/acl'],
    ['Page through a long list:', 'list -after=k1000 -limit=1000 kv1/data'],
  ],
  flags: {
    after: text('Only names that sort after this one.'),
    limit: integer('At most so many names.'),
  },
  output: ['format', 'detailed'],
  args: { min: 1, max: 1 },
  completes: 'path',
  async run(session) {
    const path = trimPath(session.args[0] ?? '')
    const { after, limit } = session.flags
    const query = { after: after || undefined, limit: limit !== undefined && limit > 0 ? limit : undefined }
    const api = await session.api()
    return printListing(session.print, await step(`Error listing ${path}`, () => api.list(path, { query })), path)
  },
})
