/** `kv get PATH`: a secret, or one version of it. */
import { defineCommand } from '../../command.ts'
import { step } from '../../describe-failure.ts'
import { remoteError } from '../../failure.ts'
import { integer } from '../../flags.ts'
import type { Printer } from '../../output/printer.ts'
import { isWrapped, objectOf, type WireSecret } from '../../secret.ts'
import { locate, mountFlag } from './place.ts'
import { headlineFor, printPath } from './sections.ts'

export const command = defineCommand({
  name: 'kv get',
  summary: 'Read a secret',
  arguments: 'PATH',
  description: 'Reads the current version of a secret, or the one that -version names. Of a deleted version, only its metadata is shown.',
  examples: [
    ['Read a secret:', 'kv get -mount=secret hello'],
    ['The same; one field, for scripts:', 'kv get -field=password secret/hello'],
    ['An older version:', 'kv get -version=1 secret/hello'],
  ],
  flags: { mount: mountFlag, version: integer('The version to read instead of the current one.') },
  output: ['field', 'format'],
  args: { min: 1, max: 1 },
  completes: 'path',
  async run(session) {
    const api = await session.api()
    const place = await locate(api, session.args[0] ?? '', session.flags.mount)
    const path = place.path('data')
    const version = session.flags.version
    const query = place.isV2 && version !== undefined && version > 0 ? { version } : undefined
    const secret = await step(`Error reading ${path}`, () => api.read(path, { query }))
    if (secret === null) throw remoteError(`No value found at ${path}`)
    if (session.print.field !== undefined) return printField(session.print, secret, place.isV2, session.print.field, path)
    if (isWrapped(secret) || !session.print.isTable) return session.print.secret(secret)
    await printSecret(session.print, secret, place.isV2, path)
  },
})

async function printField(print: Printer, secret: WireSecret, isV2: boolean, field: string, path: string): Promise<void> {
  if (!isV2 || isWrapped(secret)) return print.only(secret, field)
  const data = objectOf(secret.data?.['data'])
  if (data === null) throw remoteError(`No data found at ${path}`)
  // "data" names the whole of it, unless the secret has a field of that name.
  await print.only(field === 'data' && data['data'] === undefined ? secret : data, field)
}

async function printSecret(print: Printer, secret: WireSecret, isV2: boolean, path: string): Promise<void> {
  print.warnings(secret)
  if (isV2) printPath(print, 'Secret Path', path)
  const metadata = objectOf(secret.data?.['metadata'])
  if (metadata !== null) {
    print.line(headlineFor('Metadata', metadata))
    await print.data(metadata)
    print.line()
  }
  const data = isV2 ? objectOf(secret.data?.['data']) : secret.data
  if (data === null) return
  print.line(headlineFor('Data', data))
  await print.data(data)
}
