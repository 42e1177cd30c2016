/** `lease list [PREFIX]`: the ids of leases, or those that nobody could revoke, with the reason. */
import { isExactObject, type ExactObject } from '../../../../client/src/exact-json.ts'
import { defineCommand } from '../../command.ts'
import { step } from '../../describe-failure.ts'
import { bool, integer, text } from '../../flags.ts'
import { printListing, type Printer } from '../../output/printer.ts'
import { formatValue } from '../../output/value.ts'

export const command = defineCommand({
  name: 'lease list',
  summary: 'List leases',
  arguments: '[PREFIX]',
  description: 'Lists the leases, and the folders of leases, right below a path. With -irrevocable: all that the server has given up revoking, and why.',
  examples: [
    ['Those of a role:', 'lease list database/creds/readonly'],
    ['What needs somebody to look at it?', 'lease list -irrevocable'],
  ],
  flags: {
    after: text('Only names that sort after this one.'),
    irrevocable: bool('Only those that could not be revoked.'),
    limit: integer('At most so many.'),
  },
  output: ['format'],
  args: { min: 0, max: 1 },
  async run(session) {
    const prefix = (session.args[0] ?? '').trim().replace(/^\/+|\/+$/g, '')
    const { after, irrevocable, limit } = session.flags
    const most = limit !== undefined && limit > 0 ? limit : undefined
    const api = await session.api()
    if (!irrevocable) return printListing(session.print, await step('Error listing leases', () => api.list(`sys/leases/lookup/${prefix}`, { query: { after: after || undefined, limit: most } })), 'sys/leases/lookup')
    const data = (await step('Error listing leases', () => api.read('sys/leases', { query: { type: 'irrevocable', limit: String(most ?? 'none') } })))?.data
    return await printIrrevocable(session.print, Array.isArray(data?.['leases']) ? data['leases'].filter(isExactObject) : [], prefix)
  },
})

async function printIrrevocable(print: Printer, leases: readonly ExactObject[], prefix: string): Promise<0> {
  const shown = leases.filter((lease) => formatValue(lease['lease_id']).startsWith(prefix))
  if (shown.length === 0) print.remark('No lease waits for anybody: all could be revoked so far.')
  await print.data(shown, () => (shown.length === 0 ? [] : [['Lease', 'Reason'], ...shown.map((lease) => [formatValue(lease['lease_id']), formatValue(lease['error'])])]))
  if (shown.length > 0) print.warn('Remove what is behind these where it lives, then forget each with: coffer lease revoke -force -prefix ID')
  return 0
}
