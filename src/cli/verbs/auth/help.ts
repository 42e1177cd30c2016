/** `auth help TYPE|PATH`: how to log in with a method. */
import { defineCommand } from '../../command.ts'
import { step } from '../../describe-failure.ts'
import { remoteError, usageError } from '../../failure.ts'
import type { LoginMethod } from '../../login/method.ts'
import { findMethod, methodNames } from '../../login/methods.ts'
import { mountsOf } from '../../mounts/table.ts'
import { formatColumns } from '../../output/table.ts'
import { textOf } from '../../secret.ts'
import { trimPath, withSlash } from '../../paths.ts'

export const command = defineCommand({
  name: 'auth help',
  summary: 'Explain how to log in with an auth method',
  arguments: 'TYPE | PATH',
  examples: [['How do I log in with a password?', 'auth help userpass']],
  flags: {},
  args: { min: 1, max: 1 },
  completes: methodNames(),
  async run(session) {
    const name = (session.args[0] ?? '').trim()
    const known = findMethod(name)
    if (known !== null) return session.print.line(pageFor(known, session.host.program))
    const path = withSlash(trimPath(name))
    const api = await session.api()
    const mounts = mountsOf(await step('Error listing auth methods', () => api.read('sys/auth')))
    const mount = mounts.find(([mounted]) => mounted === path)?.[1]
    if (mount === undefined) throw usageError(`No auth method available on the server at ${JSON.stringify(path)}`)
    const method = findMethod(textOf(mount['type']))
    if (method === null) throw remoteError(`This command has no help for auth methods of type ${JSON.stringify(mount['type'])}`)
    session.print.line(pageFor(method, session.host.program))
  },
})

function pageFor(method: LoginMethod, program: string): string {
  const values = formatColumns(Object.entries(method.values).map(([name, usage]) => [`${name}=...`, usage]))
  return [`Usage: ${program} ${method.example}`, '', `  ${method.summary}`, '', 'Values:', '', values.replace(/^(?=.)/gm, '  ')].join('\n')
}
