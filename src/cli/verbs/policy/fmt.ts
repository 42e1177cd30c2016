/** `policy fmt FILE`: brings a policy file into its usual form. */
import { readFileSync, writeFileSync } from 'node:fs'
import { defineCommand } from '../../command.ts'
import { usageError } from '../../failure.ts'
import { describeFileError } from '../../file-error.ts'

export const command = defineCommand({
  name: 'policy fmt',
  summary: 'Format a policy file',
  arguments: 'FILE',
  description: 'Rewrites the file in place. A file with an error is left as it is.',
  examples: [['Format a file:', 'policy fmt web.hcl']],
  flags: {},
  remote: false,
  args: { min: 1, max: 1 },
  completes: 'file',
  async run(session) {
    const file = (session.args[0] ?? '').trim().replace(/^~(?=\/|$)/, session.host.home)
    const { formatHcl } = await import('../../../kit/hcl/format.ts')
    const before = attempt('Error reading source file', () => readFileSync(file, 'utf8'))
    const after = attempt('Error parsing policy', () => formatHcl(before))
    if (after !== before) attempt('Error writing result', () => writeFileSync(file, after))
    session.print.line(`Success! Formatted policy: ${file}`)
  },
})

function attempt<T>(what: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw usageError(`${what}: ${describeFileError(error)}`)
  }
}
