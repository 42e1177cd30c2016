/** `audit list`: the audit devices. */
import type { ExactObject } from '../../../../client/src/exact-json.ts'
import { defineCommand } from '../../command.ts'
import { step } from '../../describe-failure.ts'
import { mountsOf } from '../../mounts/table.ts'
import { objectOf, textOf } from '../../secret.ts'

export const command = defineCommand({
  name: 'audit list',
  summary: 'List audit devices',
  description: 'Exits with code 2 when there is none.',
  flags: {},
  output: ['format', 'detailed'],
  async run(session) {
    const { print } = session
    const api = await session.api()
    const devices = mountsOf(await step('Error listing audits', () => api.read('sys/audit')))
    if (print.isTable && devices.length === 0) {
      print.line('No audit devices are enabled.')
      return 2
    }
    await print.data(Object.fromEntries(devices), () => rows(devices, print.detailed))
    return 0
  },
})

function rows(devices: readonly [string, ExactObject][], detailed: boolean): string[][] {
  const common = ([path, device]: readonly [string, ExactObject]): string[] => [path, textOf(device['type']), textOf(device['description'])]
  if (!detailed) return [['Path', 'Type', 'Description'], ...devices.map(common)]
  const options = (device: ExactObject): string =>
    Object.entries(objectOf(device['options']) ?? {}).map(([name, value]) => `${name}=${String(value)}`).toSorted().join(' ')
  return [
    ['Path', 'Type', 'Description', 'Replication', 'Options'],
    ...devices.map((entry) => [...common(entry), entry[1]['local'] === true ? 'local' : 'replicated', options(entry[1])]),
  ]
}
