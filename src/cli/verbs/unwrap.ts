/** `unwrap [TOKEN]`: opens a wrapped answer, once. */
import { defineCommand } from '../command.ts'
import { step } from '../describe-failure.ts'
import { listedKeys } from '../secret.ts'

export const command = defineCommand({
  name: 'unwrap',
  summary: 'Open a wrapped answer',
  arguments: '[TOKEN]',
  description:
    'Prints, once, what was wrapped under a token that -wrap-ttl gave out. Without TOKEN, the token in use is the wrapping token.',
  examples: [['Open what somebody wrapped for you:', 'unwrap hvs.CAESIJ...']],
  flags: {},
  output: ['field', 'format'],
  args: { min: 0, max: 1 },
  async run(session) {
    const token = session.args[0]?.trim() ?? ''
    const api = await session.api()
    const body = token !== '' && api.token !== '' && token !== api.token ? { token } : undefined
    const call = token !== '' && body === undefined ? { token } : {}
    const secret = await step('Error unwrapping', () => api.write('sys/wrapping/unwrap', body, call))
    if (secret === null) return session.print.remark('Successfully unwrapped. There was no data in the wrapped secret.')
    if (session.print.field === undefined && listedKeys(secret) !== null) await session.print.list(secret)
    else await session.print.secret(secret)
  },
})
