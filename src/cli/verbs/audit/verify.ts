/** `audit verify FILE`: proves that nothing was changed, removed, reordered or added in an audit log. Needs no server. */
import { createPublicKey, type KeyObject } from 'node:crypto'
import { createReadStream, readFileSync } from 'node:fs'
import { defineCommand } from '../../command.ts'
import { exitCodes, remoteError, usageError } from '../../failure.ts'
import { describeFileError } from '../../file-error.ts'
import { bool, list } from '../../flags.ts'

export const command = defineCommand({
  name: 'audit verify',
  summary: 'Prove that an audit log is whole and unchanged',
  arguments: 'FILE',
  description:
    'Follows the chains of hashes through the log, checks the signatures of its checkpoints with the keys given, and names the first ' +
    'line that was changed, removed, reordered or added. Exit code 0: nothing is wrong; 2: something is.',
  examples: [
    ['With the public key of the server:', 'audit verify -public-key=audit-key.pem /var/log/coffer/audit.log'],
    ['A log that a syslog daemon wrote:', 'audit verify -syslog -public-key=audit-key.pem /var/log/syslog'],
  ],
  flags: {
    'public-key': list('PEM file with a public key that signs the log. May be given several times.', { values: 'file' }),
    syslog: bool('Leave out what a syslog daemon puts before each entry.'),
  },
  remote: false,
  output: ['format'],
  args: { min: 1, max: 1 },
  completes: 'file',
  async run(session) {
    const file = session.args[0] ?? ''
    const keys = (session.flags['public-key'] ?? []).map(readPublicKey)
    const { describeReport, verifyAudit } = await import('../../../core/audit/verify.ts')
    const report = await readable(() => verifyAudit(createReadStream(file), { publicKeys: keys, isWrapped: session.flags.syslog }))
    if (session.print.isTable) describeReport(report).forEach((line) => session.print.line(line))
    else await session.print.data(report)
    return report.isIntact ? 0 : exitCodes.remote
  },
})

function readPublicKey(file: string): KeyObject {
  try {
    return createPublicKey(readFileSync(file))
  } catch (error) {
    throw usageError(`-public-key: ${describeFileError(error)}`)
  }
}

async function readable<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw remoteError(`Error reading the audit log: ${describeFileError(error)}`)
  }
}
