/** `path-help PATH`: what the server says about a path. */
import { isExactObject, parseExact } from '../../../client/src/exact-json.ts'
import { defineCommand } from '../command.ts'
import { step } from '../describe-failure.ts'
import { remoteError } from '../failure.ts'
import { trimPath } from '../paths.ts'
import { textOf } from '../secret.ts'

export const command = defineCommand({
  name: 'path-help',
  summary: 'Explain a path of the API',
  arguments: 'PATH',
  description: 'Asks the engine that is mounted at PATH what the path is for. With -format=json, its description in OpenAPI.',
  examples: [
    ['All paths of an engine:', 'path-help secret/'],
    ['One of them:', 'path-help sys/mounts'],
  ],
  flags: {},
  output: ['format'],
  args: { min: 1, max: 1 },
  completes: 'path',
  async run(session) {
    const path = trimPath(session.args[0] ?? '')
    const api = await session.api()
    const answer = await step('Error retrieving help', () => api.sendOk('GET', path, { query: { help: 1 } }))
    const parsed = parseExact(answer.text)
    if (!isExactObject(parsed)) throw remoteError('Error retrieving help: the answer is no JSON object')
    if (session.print.isTable) session.print.line(textOf(parsed['help']))
    else await session.print.data(parsed['openapi'])
  },
})
