/** `pki health-check MOUNT`: what to improve in a PKI mount, and how urgent it is. */
import { defineCommand } from '../../command.ts'
import { Failure, usageError } from '../../failure.ts'
import { bool, text, withDefault } from '../../flags.ts'
import { trimPath } from '../../paths.ts'
import { checks, levels, runCheck, type Finding, type Level } from '../../pki/health.ts'

/** The exit code of the worst finding. */
const exitOf: Readonly<Record<Level, number>> = { ok: 0, not_applicable: 0, informational: 2, warning: 3, critical: 4, invalid_version: 5, insufficient_permissions: 6 }
const indicators: Readonly<Record<string, readonly Level[]>> = {
  default: levels, informational: levels, warning: ['warning', 'critical', 'invalid_version', 'insufficient_permissions'], critical: ['critical', 'invalid_version', 'insufficient_permissions'], permission: ['insufficient_permissions'],
}

export const command = defineCommand({
  name: 'pki health-check',
  summary: 'Check a PKI mount',
  arguments: 'MOUNT',
  description: 'Exit codes: 0 all is well, 1 wrong usage, 2 something to know, 3 a warning, 4 critical, 5 a check did not work with this server, 6 a check was not permitted.',
  examples: [['How is the mount?', 'pki health-check pki'], ['Only what is critical counts for the exit code:', 'pki health-check -return-indicator=critical pki']],
  flags: {
    list: bool('Only list the checks.'),
    'return-indicator': withDefault(text('From which level on a finding counts for the exit code: informational, warning, critical, permission.'), 'default'),
  },
  output: ['format'],
  args: { min: 0, max: 1 },
  completes: 'mount',
  async run(session) {
    if (session.flags.list) {
      await session.print.data(checks.map(({ name }) => name), () => [['Check'], ...checks.map(({ name }) => [name])])
      return
    }
    const counted = Object.hasOwn(indicators, session.flags['return-indicator']) ? indicators[session.flags['return-indicator']] : undefined
    const [given] = session.args
    if (given === undefined || counted === undefined) throw usageError(given === undefined ? 'Not enough arguments (expected mount path, got nothing)' : '-return-indicator must be informational, warning, critical or permission')
    const question = { api: await session.api(), mount: trimPath(given), now: session.host.now() }
    const found = new Map<string, readonly Finding[]>()
    for (const check of checks) found.set(check.name, await runCheck(check, question))
    const rows = [...found].flatMap(([name, all]) => all.map(({ status, endpoint, message }) => [name, status, endpoint, message]))
    await session.print.data(Object.fromEntries(found), () => [['Check', 'Status', 'Endpoint', 'Message'], ...rows])
    const code = Math.max(0, ...[...found.values()].flat().filter(({ status }) => counted.includes(status)).map(({ status }) => exitOf[status]))
    if (code > 0) throw new Failure(code, '')
  },
})
