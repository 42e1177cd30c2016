/** `read PATH [K=V...]`: any path of the API. */
import { parseQuery } from '../data-args.ts'
import { defineCommand } from '../command.ts'
import { step } from '../describe-failure.ts'
import { remoteError } from '../failure.ts'
import { trimPath } from '../paths.ts'

export const command = defineCommand({
  name: 'read',
  summary: 'Read data and print it',
  arguments: 'PATH [K=V...]',
  description: 'Reads what is at a path: a secret, fresh credentials, the configuration of an engine. K=V pairs become query parameters.',
  examples: [
    ['Read the settings of the token in use:', 'read auth/token/lookup-self'],
    ['Print one field only:', 'read -field=version sys/seal-status'],
  ],
  flags: {},
  output: ['field', 'format'],
  args: { min: 1, max: -1 },
  raw: true,
  completes: 'path',
  async run(session) {
    const path = trimPath(session.args[0] ?? '')
    const query = await parseQuery(session.args.slice(1), session.readInput)
    const api = await session.api()
    if (session.print.format === 'raw') {
      const answer = await step(`Error reading: ${path}`, () => api.sendOk('GET', path, { query }))
      session.host.terminal.out(answer.bytes)
      return
    }
    const secret = await step(`Error reading ${path}`, () => api.read(path, { query }))
    if (secret === null) throw remoteError(`No value found at ${path}`)
    await session.print.secret(secret)
  },
})
