/** `secrets tune PATH`: settings of a mounted engine. */
import { defineCommand } from '../../command.ts'
import { step } from '../../describe-failure.ts'
import { configBody, given, optionsBody, settingFlags } from '../../mounts/settings.ts'
import { trimPath, withSlash } from '../../paths.ts'

export const command = defineCommand({
  name: 'secrets tune',
  summary: 'Change the settings of a secrets engine',
  arguments: 'PATH',
  description: 'Changes what the flags name; other settings stay.',
  examples: [['Longer leases:', 'secrets tune -max-lease-ttl=87600h pki']],
  flags: settingFlags,
  args: { min: 1, max: 1 },
  completes: 'mount',
  async run(session) {
    const path = withSlash(trimPath(session.args[0] ?? ''))
    const { flags } = session
    const body = given({ ...configBody(flags), description: flags.description, options: optionsBody(flags) })
    const api = await session.api()
    await step(`Error tuning secrets engine ${path}`, () => api.post(`sys/mounts/${path}tune`, body))
    session.print.line(`Success! Tuned the secrets engine at: ${path}`)
  },
})
