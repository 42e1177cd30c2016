/** `audit enable TYPE K=V...`: begins to record to a device. */
import { defineCommand } from '../../command.ts'
import { parseTexts } from '../../data-args.ts'
import { step } from '../../describe-failure.ts'
import { bool, text } from '../../flags.ts'
import { trimPath, withSlash } from '../../paths.ts'

export const command = defineCommand({
  name: 'audit enable',
  summary: 'Enable an audit device',
  arguments: 'TYPE [K=V...]',
  description: 'From then on every request and answer is recorded there. If no device can record, the server answers nothing.',
  examples: [
    ['A file:', 'audit enable file file_path=/var/log/coffer/audit.log'],
    ['A second one, at other/:', 'audit enable -path=other socket address=127.0.0.1:9090'],
  ],
  flags: {
    description: text('What it is for, for people.'),
    path: text('Name of the device. Default: its type.'),
    local: bool('Do not replicate it.'),
  },
  args: { min: 1, max: -1 },
  completes: ['file', 'socket', 'syslog'],
  async run(session) {
    const [given = '', ...pairs] = session.args
    const type = given.trim()
    const path = withSlash(trimPath(session.flags.path ?? type))
    const options = await parseTexts(pairs, session.readInput)
    const body = { type, description: session.flags.description ?? '', options, local: session.flags.local }
    const api = await session.api()
    await step('Error enabling audit device', () => api.write(`sys/audit/${trimPath(path)}`, body))
    session.print.line(`Success! Enabled the ${type} audit device at: ${path}`)
  },
})
