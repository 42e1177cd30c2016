/** Secrets as environment variables: all fields of a secret, or what references name. */
import type { Client } from '../../client/src/client.ts'
import type { Environment } from '../../client/src/node/environment.ts'
import { isMap, NumberText, Struct, type Value } from '../kit/template/values.ts'
import { answer } from './template/answers.ts'
import { toExact } from './template/convert.ts'
import { writeJson } from './template/json.ts'

export interface InjectionRules {
  /** Paths; of one name, the last one counts. */
  readonly secrets: readonly string[]
  /** Variables and what they are: a text, or a reference. */
  readonly named: readonly (readonly [name: string, value: string])[]
  readonly prefix: string
  readonly upcase: boolean
  /** What the program gets besides; references in it are replaced. */
  readonly environment: Environment
}

/** A reference that says nothing, or a secret that cannot be a variable. The message names the place, never a value. */
class InjectionError extends Error {
  override readonly name = 'InjectionError'
}

/** `coffer://PATH#FIELD`; `vault://` is taken as well. */
const reference = /^(?:coffer|vault):\/\/([^#?\s]+)#([^\s#]+)$/

export class Injection {
  readonly #client: Client
  readonly #rules: InjectionRules
  #last = ''

  constructor(client: Client, rules: InjectionRules) {
    this.#client = client
    this.#rules = rules
  }

  /** Throws `ClientError` and `InjectionError`. */
  async variables(): Promise<Environment> {
    const { environment, named, secrets } = this.#rules
    const read = new Map<string, Promise<ReadonlyMap<string, Value>>>()
    const dataOf = (path: string): Promise<ReadonlyMap<string, Value>> => {
      const known = read.get(path) ?? this.#read(path)
      read.set(path, known)
      return known
    }
    const made: Record<string, string | undefined> = { ...environment }
    for (const path of secrets) for (const [name, value] of await dataOf(path)) made[this.#nameOf(name)] = textOf(value)
    const written = [...Object.entries(environment), ...named]
    for (const [name, value = ''] of written) {
      const [, path, field] = reference.exec(value) ?? []
      if (path === undefined || field === undefined) {
        if (named.some(([own]) => own === name)) made[name] = value
        continue
      }
      const data = await dataOf(path)
      if (!data.has(field)) throw new InjectionError(`${name}: the secret ${path} has no field ${JSON.stringify(field)}`)
      made[name] = textOf(data.get(field))
    }
    this.#last = JSON.stringify(made)
    return made
  }

  /** Null: they are as they were. */
  async changedVariables(): Promise<Environment | null> {
    const before = this.#last
    const now = await this.variables()
    return this.#last === before ? null : now
  }

  #nameOf(field: string): string {
    const name = (this.#rules.prefix + field).replaceAll(/[^A-Za-z0-9_]/g, '_')
    return this.#rules.upcase ? name.toUpperCase() : name
  }

  /** The fields of a secret; of a versioned one, those of its newest version. */
  async #read(path: string): Promise<ReadonlyMap<string, Value>> {
    const { value } = await answer(this.#client, { kind: 'read', path: path.replace(/^\/+|\/+$/g, ''), data: {} }).catch((error: unknown) => {
      throw error instanceof Error && error.name === 'NoSecret' ? new InjectionError(error.message) : error
    })
    const data = value instanceof Struct ? value.fields.get('Data') : null
    if (!isMap(data)) throw new InjectionError(`${path}: there is no data`)
    const inner = data.get('data')
    return isMap(inner) && data.has('metadata') ? inner : data
  }
}

/** Numbers by their digits; lists and objects as JSON. */
function textOf(value: Value): string {
  if (typeof value === 'string') return value
  if (value instanceof NumberText) return value.text
  if (value === null || value === undefined) return ''
  return writeJson(toExact(value), { safe: false, pretty: false })
}
