/** `plugin info [TYPE] NAME`: what the catalogue says of a plugin. */
import { defineCommand } from '../../command.ts'
import { step } from '../../describe-failure.ts'
import { remoteError } from '../../failure.ts'
import { text } from '../../flags.ts'
import { mapOf } from '../../secret.ts'

const names = ['args', 'builtin', 'command', 'name', 'sha256', 'deprecation_status', 'version'] as const

export const command = defineCommand({
  name: 'plugin info',
  summary: 'Show a plugin',
  arguments: '[TYPE] NAME',
  examples: [['The auth method "userpass":', 'plugin info auth userpass']],
  flags: { version: text('The version of the plugin.') },
  output: ['field', 'format'],
  args: { min: 1, max: 2 },
  async run(session) {
    const name = (session.args.at(-1) ?? '').trim()
    const type = session.args.length === 2 ? `${(session.args[0] ?? '').trim()}/` : ''
    const api = await session.api()
    const query = session.flags.version ? { version: session.flags.version } : undefined
    const secret = await step(`Error reading plugin named ${name}`, () => api.read(`sys/plugins/catalog/${type}${name}`, { query }))
    if (secret?.data == null) throw remoteError(`No value found for plugin ${JSON.stringify(name)}`)
    const { data } = secret
    const shown = mapOf(names.map((each) => [each, data[each] ?? (each === 'args' ? [] : '')]))
    if (session.print.field === undefined) await session.print.data(shown)
    else await session.print.only(shown, session.print.field)
  },
})
