/** `pki verify-sign ISSUER ISSUED`: whether one certificate was made by another. */
import { defineCommand } from '../../command.ts'
import { step } from '../../describe-failure.ts'
import { compareIssuers, readIssuer } from '../../pki/compare.ts'

export const command = defineCommand({
  name: 'pki verify-sign',
  summary: 'Show whether an issuer made a certificate',
  arguments: 'ISSUER ISSUED',
  description: 'Compares two issuers, each at MOUNT/issuer/NAME: subject, place in the chain, trust, key identifier, signature.',
  examples: [['Is the intermediate from this root?', 'pki verify-sign pki/issuer/root pki_int/issuer/default']],
  flags: {},
  output: ['format'],
  args: { min: 2, max: 2 },
  completes: 'path',
  async run(session) {
    const [issuer = '', issued = ''] = session.args
    const api = await session.api()
    const [parent, child] = await step('failed to fetch the issuers', () => Promise.all([readIssuer(api, issuer), readIssuer(api, issued)]))
    const found = compareIssuers(parent, child, session.host.now())
    await session.print.data(found, () => [['Field', 'Value'], ...Object.entries(found).map(([name, value]) => [name, String(value)])])
  },
})
