/** `policy write NAME FILE`: uploads a policy. */
import { readFileSync } from 'node:fs'
import { defineCommand, type Session } from '../../command.ts'
import { step } from '../../describe-failure.ts'
import { remoteError } from '../../failure.ts'
import { describeFileError } from '../../file-error.ts'

export const command = defineCommand({
  name: 'policy write',
  summary: 'Create or replace a policy',
  arguments: 'NAME FILE',
  description: 'Uploads the policy in FILE, or, if that is -, the one on stdin.',
  examples: [
    ['From a file:', 'policy write web web.hcl'],
    ['From stdin:', 'policy write web -'],
  ],
  flags: {},
  args: { min: 2, max: 2 },
  completes: 'file',
  async run(session) {
    const [given = '', file = ''] = session.args
    const name = given.trim().toLowerCase()
    const policy = await readPolicy(session, file.trim())
    const api = await session.api()
    await step('Error uploading policy', () => api.write(`sys/policies/acl/${name}`, { policy }))
    if (name !== given) session.print.warn(`Policy name was converted from "${given}" to "${name}"`)
    session.print.line(`Success! Uploaded policy: ${name}`)
  },
})

async function readPolicy(session: Session, file: string): Promise<string> {
  if (file === '-') return session.readInput()
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw remoteError(`Error opening policy file: ${describeFileError(error)}`)
  }
}
