/** `kv enable-versioning PATH`: turns an engine of version 1 into one of version 2, in place. */
import { defineCommand } from '../../command.ts'
import { step } from '../../describe-failure.ts'
import { trimPath, withSlash } from '../../paths.ts'

export const command = defineCommand({
  name: 'kv enable-versioning',
  summary: 'Turn on versions for a key-value engine',
  arguments: 'PATH',
  description: 'Upgrades the engine that is mounted at PATH. What is stored there becomes version 1 of each secret. There is no way back.',
  examples: [['Upgrade the engine at secret/:', 'kv enable-versioning secret/']],
  flags: {},
  output: ['format'],
  args: { min: 1, max: 1 },
  completes: 'mount',
  async run(session) {
    const mount = withSlash(trimPath(session.args[0] ?? ''))
    const api = await session.api()
    await step(`Error tuning secrets engine ${mount}`, () => api.post(`sys/mounts/${mount}tune`, { options: { version: '2' } }))
    session.print.line(`Success! Tuned the secrets engine at: ${mount}`)
  },
})
