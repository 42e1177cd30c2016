/** OpenAPI 3 out of the definitions: for one path (help), one mount, or all mounts. */
import type { Field, Fields } from './fields.ts'
import type { Operation, Verb } from './operation.ts'
import type { Routes } from './route.ts'

type Schema = Readonly<Record<string, unknown>>

const methods: Readonly<Record<Verb, string>> = { read: 'get', list: 'get', scan: 'get', write: 'post', patch: 'patch', delete: 'delete' }

/** The path items of an engine, keyed by path below `/v1`: `prefix` is its mount path, with a trailing '/'. */
export function openApiPaths(prefix: string, routes: Routes): Record<string, Schema> {
  const paths: Record<string, Schema> = {}
  for (const { path, operations } of routes.templates) {
    const shown = `/${prefix}${path.replaceAll('*}', '}')}`
    // A listing is a GET with a query: where the path is also read, it stands beside it under the path of the folder.
    const listings = operations.filter(isListing)
    const isReadToo = operations.some(({ verb }) => verb === 'read')
    addItem(paths, shown, pathItem(prefix, isReadToo ? operations.filter((operation) => !isListing(operation)) : operations))
    if (listings.length > 0 && isReadToo) addItem(paths, `${shown}/`, pathItem(prefix, listings))
  }
  return paths
}

const isListing = ({ verb }: Operation): boolean => verb === 'list' || verb === 'scan'

/** `a/{x}` and `a/{x*}` are the same here: the more precise one, which comes first, keeps what both have. */
function addItem(paths: Record<string, Schema>, shown: string, item: Schema): void {
  paths[shown] = { ...item, ...paths[shown] }
}

export const openApiDocument = (version: string, paths: Readonly<Record<string, Schema>>): Schema => ({
  openapi: '3.0.2',
  info: { title: 'Coffer API', description: "HTTP API that gives you full access to Coffer. All API routes are prefixed with `/v1/`.", version, license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' } },
  paths,
})

function pathItem(prefix: string, operations: readonly Operation[]): Schema {
  const params = operations[0]?.params ?? {}
  const item: Record<string, unknown> = {
    description: operations[0]?.summary ?? '',
    parameters: Object.entries(params).map(([name, field]) => ({ name, in: 'path', required: true, description: field.description, schema: schemaOf(field) })),
  }
  if (operations.some(({ access }) => access === 'sudo')) item['x-vault-sudo'] = true
  if (operations.some(({ access }) => access === 'public')) item['x-vault-unauthenticated'] = true
  if (operations.some((operation) => operation.exists !== null)) item['x-vault-createSupported'] = true
  for (const operation of operations) item[methods[operation.verb]] ??= operationItem(prefix, operation)
  const [listing, other] = operations.filter(isListing)
  if (listing !== undefined && other !== undefined) item['get'] = eitherListing(prefix, listing, other)
  return item
}

/** OpenAPI knows one GET for a path; LIST and SCAN of it differ in the query alone, so one description holds both. */
function eitherListing(prefix: string, listing: Operation, other: Operation): Schema {
  const input = { ...other.input, ...listing.input }
  const item = operationItem(prefix, { ...listing, input })
  const flags = [listing, other].map(({ verb, summary }) => ({ ...listingFlag(verb), required: false, description: `\`true\`: ${summary}` }))
  return { ...item, parameters: [...flags, ...(item['parameters'] as readonly Schema[]).slice(1)] }
}

const listingFlag = (verb: Verb): Schema => ({ name: verb, in: 'query', required: true, description: 'Must be set to `true`', schema: { type: 'string', enum: ['true'] } })

function operationItem(prefix: string, operation: Operation): Schema {
  const isQuery = operation.verb === 'read' || operation.verb === 'list' || operation.verb === 'scan' || operation.verb === 'delete'
  const fields = Object.entries(operation.input)
  return {
    summary: operation.summary,
    ...(operation.description === '' ? {} : { description: operation.description }),
    operationId: `${prefix}${operation.path}-${operation.verb}`.replaceAll(/[^A-Za-z0-9]+/g, '-').replaceAll(/^-|-$/g, ''),
    tags: [prefix.startsWith('sys/') ? 'system' : prefix.startsWith('auth/') ? 'auth' : 'secrets'],
    ...(operation.deprecated === null ? {} : { deprecated: true }),
    ...queryOf(operation, isQuery ? fields : []),
    ...(isQuery || fields.length === 0 ? {} : { requestBody: { content: { 'application/json': { schema: objectOf(operation.input) } } } }),
    responses: { 200: { description: 'OK', ...(operation.output === null ? {} : { content: { 'application/json': { schema: objectOf(operation.output) } } }) } },
  }
}

function queryOf(operation: Operation, fields: readonly [string, Field<unknown>][]): Schema {
  const flag = isListing(operation) ? [listingFlag(operation.verb)] : []
  const parameters = [...flag, ...fields.map(([name, field]) => ({ name, in: 'query', description: field.description, schema: schemaOf(field) }))]
  return parameters.length === 0 ? {} : { parameters }
}

function objectOf(fields: Fields): Schema {
  const required = Object.entries(fields).flatMap(([name, field]) => (field.required ? [name] : []))
  return { type: 'object', properties: Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, schemaOf(field)])), ...(required.length === 0 ? {} : { required }) }
}

function schemaOf(field: Field<unknown>): Schema {
  return {
    ...(field.type === 'any' ? {} : { type: field.type }),
    description: field.description,
    ...(field.format === undefined ? {} : { format: field.format }),
    ...(field.type === 'array' ? { items: { type: field.format === 'comma-integers' ? 'integer' : 'string' } } : {}),
    ...(field.choices === undefined ? {} : { enum: field.choices }),
    ...(field.fallback === undefined ? {} : { default: field.fallback }),
    ...(field.deprecated === true ? { deprecated: true } : {}),
    ...(field.secret ? { 'x-vault-displayAttrs': { sensitive: true } } : {}),
  }
}
