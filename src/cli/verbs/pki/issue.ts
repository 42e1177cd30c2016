/** `pki issue PARENT CHILD_MOUNT K=V...`: a new intermediate in one step. */
import { defineCommand } from '../../command.ts'
import { parseData } from '../../data-args.ts'
import { intermediateFlags, issueIntermediate } from '../../pki/issue.ts'

export const command = defineCommand({
  name: 'pki issue',
  summary: 'Make an intermediate below an issuer',
  arguments: 'PARENT CHILD_MOUNT K=V...',
  description: 'Makes a key and a signing request in CHILD_MOUNT, has it signed by PARENT (MOUNT/issuer/NAME), and imports the certificate. K=V are fields of both requests.',
  examples: [['An intermediate below the default issuer:', 'pki issue pki/issuer/default pki_int common_name="Intermediate" ttl=43800h']],
  flags: intermediateFlags,
  output: ['format', 'field'],
  args: { min: 3, max: -1 },
  completes: 'path',
  async run(session) {
    const [parent = '', childMount = '', ...pairs] = session.args
    const data = await parseData(pairs, session.readInput)
    await issueIntermediate(session, { parent, childMount, keyOrigin: session.flags.type, issuerName: session.flags.issuer_name, data })
  },
})
