/** `sys/plugins`: the catalogue. Engines are built in: it can be read, and nothing can be added, because nothing in storage may name a program to run. */
import { databasePlugins } from '../../engines/database/drivers/list.ts'
import { ApiError, badRequest } from '../../kit/errors.ts'
import { defaulted, list, optional, text } from '../../kit/fields.ts'
import { reply, type Data } from '../../kit/result.ts'
import { systemPath, type SystemCall } from '../call.ts'
import { listItem } from '../errors.ts'

const kinds = ['auth', 'database', 'secret'] as const
type Kind = (typeof kinds)[number]
const isKind = (kind: string): kind is Kind => (kinds as readonly string[]).includes(kind)
const version = 'v1.0.0+builtin.coffer'

const namesOf = ({ core }: SystemCall, kind: Kind): readonly string[] =>
  kind === 'database' ? databasePlugins : core.registry.types(kind).filter((name) => !['cubbyhole', 'system', 'identity', 'token'].includes(name))

const show = (name: string): Data => ({
  args: null, builtin: true, command: '', declarative: false, deprecation_status: 'supported', name, oci: false, oci_image: '', runtime: '', sha256: '', version,
})

const unknownKind = (): ApiError => new ApiError('unsupported_operation', listItem('unsupported operation'))

const catalog = systemPath('plugins/catalog').read({
  summary: 'Show the engines and methods that are built in.',
  handle(call) {
    const detailed = kinds.flatMap((type) => namesOf(call, type).map((name) => ({ type, name, builtin: true, deprecation_status: 'supported', version })))
    return { detailed, ...Object.fromEntries(kinds.map((kind) => [kind, namesOf(call, kind)])) }
  },
})

const ofKind = systemPath('plugins/catalog/{type}', { type: text('auth, database or secret.') }).list({
  summary: 'List the engines or methods of a kind.',
  access: 'sudo',
  handle(call) {
    if (!isKind(call.params.type)) throw unknownKind()
    return { keys: namesOf(call, call.params.type) }
  },
})

const one = systemPath('plugins/catalog/{type}/{name}', { type: text('auth, database or secret.'), name: text('Name of the engine or method.') })
const oneOperations = [
  one.read({
    summary: 'Show an engine or method.',
    access: 'sudo',
    handle(call) {
      const { type, name } = call.params
      return isKind(type) && namesOf(call, type).includes(name) ? show(name) : null
    },
  }),
  one.write({
    summary: 'Refused: engines are built in.',
    access: 'sudo',
    input: { sha256: defaulted(text('Hash of the program.'), ''), sha_256: defaulted(text('Old name of sha256.'), ''), command: defaulted(text('The program.'), ''), args: optional(list('Its arguments.')), env: optional(list('Its environment.')), version: defaulted(text('Its version.'), '') },
    handle({ input }) {
      if (input.sha256 === '' && input.sha_256 === '') throw badRequest('missing SHA-256 value')
      if (input.command === '') throw badRequest('missing command value')
      throw badRequest('this server runs no plugins: its engines are built in')
    },
  }),
  one.delete({ summary: 'Accepted for old tools: there is nothing to remove.', access: 'sudo', handle: () => null }),
]

const reload = systemPath('plugins/reload/backend').write({
  summary: 'Accepted for old tools: engines are built in and keep nothing that could be reloaded.',
  access: 'sudo',
  input: { plugin: defaulted(text('Name of the engine.'), ''), mounts: defaulted(list('Paths of mounts.'), []), scope: defaulted(text('Accepted and ignored.'), '') },
  handle({ core, input }) {
    if (input.plugin !== '' && input.mounts.length > 0) throw badRequest('plugin and mounts cannot be set at the same time')
    if (input.plugin === '' && input.mounts.length === 0) throw badRequest('plugin or mounts must be provided')
    return reply({ data: { reload_id: core.host.uuid() } })
  },
})

export const pluginOperations = [catalog, ofKind, ...oneOperations, reload]
