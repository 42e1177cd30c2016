/** `operator members`: the nodes of the cluster. */
import { isExactObject, type ExactJson } from '../../../../client/src/exact-json.ts'
import { defineCommand } from '../../command.ts'
import { step } from '../../describe-failure.ts'
import { formatValue } from '../../output/value.ts'

const columns: readonly (readonly [title: string, name: string])[] = [
  ['Host Name', 'hostname'],
  ['API Address', 'api_address'],
  ['Cluster Address', 'cluster_address'],
  ['Active Node', 'active_node'],
  ['Version', 'version'],
  ['Upgrade Version', 'upgrade_version'],
  ['Last Echo', 'last_echo'],
]

export const command = defineCommand({
  name: 'operator members',
  summary: 'List the nodes of the cluster',
  flags: {},
  output: ['format'],
  async run(session) {
    const api = await session.api()
    const secret = await step('Error reading members', () => api.read('sys/ha-status'))
    const found = secret?.data?.['nodes'] ?? secret?.data?.['Nodes']
    const nodes = Array.isArray(found) ? (found as readonly ExactJson[]).filter(isExactObject) : []
    await session.print.data({ nodes }, () => [
      columns.map(([title]) => title),
      ...nodes.map((node) => columns.map(([, name]) => (node[name] === undefined || node[name] === null ? '' : formatValue(node[name])))),
    ])
  },
})
