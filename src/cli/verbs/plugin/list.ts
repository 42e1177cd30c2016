/** `plugin list [TYPE]`: what engines, auth methods and database plugins the server knows. */
import { isExactObject, type ExactJson, type ExactObject } from '../../../../client/src/exact-json.ts'
import { defineCommand } from '../../command.ts'
import { step } from '../../describe-failure.ts'
import { remoteError } from '../../failure.ts'
import { ordered } from '../../mounts/table.ts'
import { mapOf, textOf } from '../../secret.ts'

const names = ['type', 'name', 'version', 'builtin', 'deprecation_status']
const types: readonly string[] = ['auth', 'database', 'secret']

export const command = defineCommand({
  name: 'plugin list',
  summary: 'List plugins',
  arguments: '[TYPE]',
  examples: [['Auth methods only:', 'plugin list auth']],
  flags: {},
  output: ['format', 'detailed'],
  args: { min: 0, max: 1 },
  completes: types,
  async run(session) {
    const type = (session.args[0] ?? '').trim()
    if (type !== '' && !types.includes(type)) throw remoteError(`Error parsing type: ${JSON.stringify(type)} is none`)
    const api = await session.api()
    const data = (await step('Error listing available plugins', () => api.read('sys/plugins/catalog')))?.data
    if (data == null) throw remoteError('No response from server when listing plugins')
    const found = data['detailed'] ?? data['details']
    const all = Array.isArray(found) ? (found as readonly ExactJson[]).filter(isExactObject) : []
    const details = type === '' ? all : all.filter((plugin) => plugin['type'] === type)
    const lists = types.filter((name) => type === '' || name === type).map((name): [string, ExactJson] => [name, data[name] ?? []])
    const shown = details.map((plugin) => ordered(plugin, names)) as unknown as ExactJson[]
    await session.print.data(mapOf([...lists, ['details', shown]]), () => rows(details, type === '', session.print.detailed))
  },
})

function rows(plugins: readonly ExactObject[], withType: boolean, detailed: boolean): string[][] {
  const columns: [string, string][] = [
    ['Name', 'name'],
    ...(withType || detailed ? [['Type', 'type'] satisfies [string, string]] : []),
    ['Version', 'version'],
    ...(detailed ? [['Deprecation Status', 'deprecation_status'] satisfies [string, string]] : []),
  ]
  return [columns.map(([title]) => title), ...plugins.map((plugin) => columns.map(([, name]) => textOf(plugin[name])))]
}
