/** Path help: what a path is for and which fields it takes, out of the same definitions that run it. */
import type { Core } from '../core/core.ts'
import type { Fields } from '../kit/fields.ts'
import { openApiDocument, openApiPaths } from '../kit/openapi.ts'
import type { Operation } from '../kit/operation.ts'
import { ApiError } from '../kit/errors.ts'
import { outcome, type Outcome } from './answer.ts'
import { asList } from './errors.ts'
import type { Target } from './resolve.ts'

/** Anybody with a living token may ask. Throws where there is no such path. */
export function helpFor(core: Core, { mount, path, rest }: Target): Outcome {
  const registered = mount?.registered ?? null
  if (mount === null || registered === null) throw new ApiError('not_found', `no handler for route ${JSON.stringify(path)}. route entry not found.`)
  const template = rest === '' ? null : registered.routes.find(rest)
  if (template === null && rest !== '') throw new ApiError('unsupported_path', asList('unsupported path'))
  const paths = openApiPaths(mount.record.path, template === null ? registered.routes : { ...registered.routes, templates: [template] })
  const help = template === null ? engineText(registered.engine.summary, registered.routes.templates) : pathText(template)
  const body = JSON.stringify({ help, see_also: null, openapi: openApiDocument(core.settings.version, paths) })
  return outcome({ raw: { contentType: 'application/json', body } })
}

interface Template {
  readonly path: string
  readonly operations: readonly Operation[]
}

const pathText = ({ path, operations }: Template): string =>
  [
    `Request:        ${path}`,
    `Matching Route: ${path}`,
    '',
    ...operations.flatMap((operation) => [operation.summary, operation.description].filter((line) => line !== '')),
    '',
    '## PARAMETERS',
    '',
    ...fieldLines(Object.assign({}, ...operations.map(({ params, input }) => ({ ...params, ...input }))) as Fields),
  ].join('\n')

const fieldLines = (fields: Fields): string[] =>
  Object.entries(fields).sort(([a], [b]) => (a < b ? -1 : 1)).flatMap(([name, field]) => [`    ${name} (${field.format ?? field.type})`, `        ${field.description}`, ''])

const engineText = (summary: string, templates: readonly Template[]): string =>
  ['## DESCRIPTION', '', summary, '', '## PATHS', '', ...templates.flatMap(({ path, operations }) => [`    ${path}`, `        ${operations[0]?.summary ?? ''}`, ''])].join('\n')
