/** `version-history`: which versions the server has run. */
import { defineCommand } from '../command.ts'
import { step } from '../describe-failure.ts'
import { remoteError } from '../failure.ts'
import { formatTable } from '../output/table.ts'
import { listedKeys, objectOf, textOf } from '../secret.ts'

export const command = defineCommand({
  name: 'version-history',
  summary: 'Show which versions the server has run',
  flags: {},
  output: ['format'],
  async run(session) {
    const api = await session.api()
    const secret = await step('Error reading version history', () => api.list('sys/version-history'))
    const info = objectOf(secret?.data?.['key_info'])
    if (secret === null || info === null) throw remoteError('The server says nothing about its versions.')
    if (!session.print.isTable) return session.print.secret(secret)
    const versions = (listedKeys(secret) ?? []).map(String)
    const cell = (version: string, name: string): string => textOf(objectOf(info[version])?.[name])
    const rows = versions.map((version) => [version, cell(version, 'timestamp_installed'), cell(version, 'build_date')])
    session.print.line(formatTable([['Version', 'Installation Time', 'Build Date'], ...rows], '  '))
  },
})
