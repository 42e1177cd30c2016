/**
 * Recipes: how a credential of some service is made, put to use, tried and taken away, as HTTP calls. A recipe says what is sent where, below one base
 * address, and what must come back; it computes nothing, and starts nothing.
 */
import { badRequest } from '../../kit/errors.ts'
import { isJsonObject } from '../../kit/fields.ts'
import { encodeJson, JsonNumber, parseJson, type Json, type JsonObject } from '../../kit/json.ts'
import { functionRecipe } from './function.ts'
import { parsePointer, type Pointer } from './pointer.ts'
import { parseText, type Scopes, type Template } from './template.ts'

const stepNames = ['recover', 'create', 'set', 'test', 'finish', 'undo'] as const
export type StepName = (typeof stepNames)[number]

/** A JSON value whose texts are templates. */
export type JsonTemplate = { readonly text: Template } | { readonly list: readonly JsonTemplate[] } | { readonly entries: readonly (readonly [string, JsonTemplate])[] } | { readonly value: Json }
export type TemplateMap = ReadonlyMap<string, Template>

export interface HttpCall {
  readonly method: string
  readonly path: Template
  readonly query: TemplateMap
  readonly headers: TemplateMap
  readonly basic: { readonly username: Template; readonly password: Template } | null
  readonly json: JsonTemplate | null
  readonly form: TemplateMap | null
  readonly expected: readonly number[]
  /** For the rest of the step. */
  readonly extract: ReadonlyMap<string, Pointer>
  /** Becomes part of the credential. */
  readonly keep: ReadonlyMap<string, Pointer>
}

export interface Recipe {
  readonly steps: Readonly<Record<StepName, readonly HttpCall[]>>
  /** Part of the credential that is made here; null: none is. */
  readonly generated: { readonly name: string; readonly length: number; readonly policy: string } | null
  /** Statuses by which a test says that a credential is no good. */
  readonly refused: readonly number[]
}

const callsMax = 8
const recipeBytesMax = 65_536
const lengthUsual = 40
const lengthRange = [16, 512] as const
const methods = new Set(['GET', 'POST', 'PUT', 'PATCH', 'DELETE'])
const shared: Scopes = { name: 'text', param: 'names', secret: 'names', answer: 'names' }
const changing: Scopes = { ...shared, rotation_id: 'text', current: 'credential', pending: 'credential' }
const scopesOf: Readonly<Record<StepName, Scopes>> = {
  recover: changing, create: changing, set: changing, undo: changing,
  test: { ...shared, rotation_id: 'text', tested: 'credential' },
  finish: { ...shared, rotation_id: 'text', current: 'credential', previous: 'credential' },
}
/** Those that say how a message ends, or where it goes, and those of connections (RFC 9110, RFC 9112). */
const headersOfOurs = new Set(['host', 'content-length', 'transfer-encoding', 'connection', 'te', 'trailer', 'upgrade', 'expect', 'keep-alive', 'proxy-connection', 'proxy-authorization'])
const header = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$/
/** Of a value of a credential. No `__proto__`. */
export const valueName = /^[A-Za-z]\w{0,63}$/

/** A recipe as it was given: an object, or its JSON. Throws `bad_request` that names the place. */
export function parseRecipe(given: Json): { readonly source: JsonObject; readonly recipe: Recipe } {
  const source = typeof given === 'string' ? parseJson(given) : given
  if (!isJsonObject(source)) throw badRequest('recipe must be an object')
  if (encodeJson(source).length > recipeBytesMax) throw badRequest(`recipe may have ${recipeBytesMax} bytes`)
  return { source, recipe: recipeOf(source) }
}

export function recipeOf(source: JsonObject): Recipe {
  if (source['function'] !== undefined) {
    checkNames(source, ['function'], 'recipe')
    return recipeOf(functionRecipe(objectAt(source['function'], 'recipe.function')))
  }
  checkNames(source, [...stepNames, 'generate', 'refused', 'repeatable'], 'recipe')
  const steps = Object.fromEntries(stepNames.map((name) => [name, stepOf(name, source[name])])) as Recipe['steps']
  checkSteps(steps, source)
  const recipe: Recipe = { steps, generated: generatedOf(source['generate']), refused: source['refused'] === undefined ? [401, 403] : statusesOf(source['refused'], 'recipe.refused') }
  if (steps.create.length === 0 && recipe.generated === null) throw badRequest('recipe makes no credential: it needs a step create, or generate')
  return recipe
}

function checkSteps({ create, recover, set, test }: Recipe['steps'], { repeatable, undo }: JsonObject): void {
  if (test.length === 0) throw badRequest('recipe.test is missing: nothing is put to use that was not tried')
  if (create.length === 0 && set.length === 0) throw badRequest('recipe changes nothing: it needs a step create or set')
  if (create.length > 0 && recover.length === 0 && repeatable !== true) {
    throw badRequest('recipe.create may be cut off before its answer is on record: say in recover how what it made under {{rotation_id}} is removed, or repeatable: true where the service answers the same {{rotation_id}} with the same credential')
  }
  if (create.length > 0 && undo === undefined) throw badRequest('recipe.undo is missing: how a new credential that does not work is removed; [] where there is nothing to remove')
}

const objectAt = (value: Json | undefined, where: string): JsonObject => {
  if (!isJsonObject(value)) throw badRequest(`${where} must be an object`)
  return value
}
const textAt = (value: Json | undefined, where: string): string => {
  if (typeof value !== 'string') throw badRequest(`${where} must be a text`)
  return value
}
function checkNames(object: JsonObject, known: readonly string[], where: string): void {
  const unknown = Object.keys(object).find((name) => !known.includes(name))
  if (unknown !== undefined) throw badRequest(`${where} has an unknown part ${JSON.stringify(unknown.slice(0, 64))}; it may have ${known.join(', ')}`)
}

function generatedOf(given: Json | undefined): Recipe['generated'] {
  if (given === undefined) return null
  const where = 'recipe.generate'
  const object = objectAt(given, where)
  checkNames(object, ['name', 'length', 'password_policy'], where)
  const length = numberOf(object['length'] ?? lengthUsual)
  if (!(length >= lengthRange[0] && length <= lengthRange[1])) throw badRequest(`${where}.length must be ${lengthRange.join(' to ')}`)
  return { name: checkedName(textAt(object['name'], `${where}.name`), where), length, policy: textAt(object['password_policy'] ?? '', `${where}.password_policy`) }
}

const numberOf = (value: Json): number => (value instanceof JsonNumber ? Number(value.text) : typeof value === 'number' && Number.isInteger(value) ? value : Number.NaN)

function statusesOf(given: Json, where: string): readonly number[] {
  const numbers = (Array.isArray(given) ? (given as readonly Json[]) : [given]).map(numberOf)
  if (numbers.length === 0 || !numbers.every((status) => status >= 200 && status <= 599)) throw badRequest(`${where} must be statuses from 200 to 599`)
  return numbers
}

function stepOf(step: StepName, given: Json | undefined): readonly HttpCall[] {
  if (given === undefined) return []
  if (!Array.isArray(given)) throw badRequest(`recipe.${step} must be a list of calls`)
  if (given.length > callsMax) throw badRequest(`recipe.${step} may have ${callsMax} calls`)
  return (given as readonly Json[]).map((call, i) => callOf(step, call, `recipe.${step}[${i}]`))
}

function callOf(step: StepName, given: Json, where: string): HttpCall {
  const object = objectAt(given, where)
  checkNames(object, ['method', 'path', 'query', 'headers', 'basic', 'json', 'form', 'expect', 'extract', 'keep'], where)
  const scopes = scopesOf[step]
  const method = textAt(object['method'], `${where}.method`)
  if (!methods.has(method)) throw badRequest(`${where}.method must be one of ${[...methods].join(', ')}`)
  if (object['json'] !== undefined && object['form'] !== undefined) throw badRequest(`${where} may have json or form, not both`)
  if (object['keep'] !== undefined && step !== 'create') throw badRequest(`${where}.keep: only create makes something to keep; use extract`)
  return {
    method, path: pathOf(textAt(object['path'], `${where}.path`), scopes, `${where}.path`),
    query: templatesOf(object['query'], scopes, `${where}.query`),
    headers: headersOf(object['headers'], scopes, `${where}.headers`),
    basic: basicOf(object['basic'], scopes, `${where}.basic`),
    json: object['json'] === undefined ? null : jsonOf(object['json'], scopes, `${where}.json`),
    form: object['form'] === undefined ? null : templatesOf(object['form'], scopes, `${where}.form`),
    expected: object['expect'] === undefined ? [200, 201, 202, 204] : statusesOf(object['expect'], `${where}.expect`),
    extract: pointersOf(object['extract'], `${where}.extract`),
    keep: pointersOf(object['keep'], `${where}.keep`),
  }
}

/** What is written in a path is taken literally: nothing in it is an escape, leads up, or ends the path. */
function pathOf(text: string, scopes: Scopes, where: string): Template {
  const template = parseText(text, scopes, where)
  const literal = template.parts.map((part) => (typeof part === 'string' ? part : 'x')).join('')
  if (!/^(?:\/[A-Za-z0-9._~!$&'()*+,;=:@-]+)*\/?$/.test(literal)) throw badRequest(`${where} must be empty, or begin with / and name parts with letters, digits and ._~!$&'()*+,;=:@-`)
  if (literal.split('/').some((part) => /^\.{1,2}$/.test(part))) throw badRequest(`${where} may not lead elsewhere by . or ..`)
  return template
}

function templatesOf(given: Json | undefined, scopes: Scopes, where: string): TemplateMap {
  const object = objectAt(given ?? {}, where)
  return new Map(Object.entries(object).map(([name, value]) => [name, parseText(textAt(value, `${where}.${name}`), scopes, `${where}.${name}`)]))
}

function headersOf(given: Json | undefined, scopes: Scopes, where: string): TemplateMap {
  const found = templatesOf(given, scopes, where)
  for (const name of found.keys()) {
    if (!header.test(name)) throw badRequest(`${where} has a name that is none of a header`)
    if (headersOfOurs.has(name.toLowerCase())) throw badRequest(`${where} may not have ${name.toLowerCase()}`)
  }
  return found
}

function basicOf(given: Json | undefined, scopes: Scopes, where: string): HttpCall['basic'] {
  if (given === undefined) return null
  const object = objectAt(given, where)
  checkNames(object, ['username', 'password'], where)
  const part = (name: 'username' | 'password'): Template => parseText(textAt(object[name], `${where}.${name}`), scopes, `${where}.${name}`)
  return { username: part('username'), password: part('password') }
}

function jsonOf(value: Json, scopes: Scopes, where: string): JsonTemplate {
  if (typeof value === 'string') return { text: parseText(value, scopes, where) }
  if (Array.isArray(value)) return { list: (value as readonly Json[]).map((item, i) => jsonOf(item, scopes, `${where}[${i}]`)) }
  if (isJsonObject(value)) return { entries: Object.entries(value).map(([name, item]) => [name, jsonOf(item, scopes, `${where}.${name}`)]) }
  return { value }
}

const checkedName = (name: string, where: string): string => {
  if (!valueName.test(name)) throw badRequest(`${where}: names have up to 64 letters, digits and _, and begin with a letter`)
  return name
}

/** `*` stands for all values of an object. */
function pointersOf(given: Json | undefined, where: string): ReadonlyMap<string, Pointer> {
  const object = objectAt(given ?? {}, where)
  return new Map(Object.entries(object).map(([name, value]) => [name === '*' ? name : checkedName(name, where), parsePointer(textAt(value, `${where}.${name}`), `${where}.${name}`)]))
}
