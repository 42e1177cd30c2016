/** Secrets as environment variables: all fields of a secret, or what references name. */
import type { Environment } from '../../client/src/node/environment.ts'
import type { Value } from '../kit/template/values.ts'
import { fieldsOf, questionOf, ReferenceError, referenceOf, type Reference } from './references.ts'
import { nameOf, type Question } from './template/asking.ts'

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

/** Variables by name. */
export type Variables = Readonly<Record<string, string>>

/** What variables come out of secrets, and what has to be asked for them. */
export class Injection {
  readonly #rules: InjectionRules
  /** Of one name, what was written last. */
  readonly #named: readonly (readonly [name: string, value: string])[]
  readonly #references: readonly (readonly [name: string, reference: Reference])[]

  constructor(rules: InjectionRules) {
    this.#rules = rules
    this.#named = [...new Map(rules.named)]
    const written = [...Object.entries(rules.environment), ...this.#named]
    this.#references = written.flatMap(([name, value = '']) => {
      const reference = referenceOf(value)
      return reference === null ? [] : [[name, reference] as const]
    })
  }

  get questions(): readonly Question[] {
    const paths = [...this.#rules.secrets, ...this.#references.map(([, { path }]) => path)]
    return [...new Map(paths.map((path) => [path, questionOf(path)])).values()]
  }

  /** The variables that hold secrets. `known` holds the answers to all questions. Throws `ReferenceError`. */
  variables(known: ReadonlyMap<string, Value>): Variables {
    const made: Record<string, string> = {}
    const dataOf = (path: string): ReadonlyMap<string, string> => fieldsOf(path, known.get(nameOf(questionOf(path))))
    for (const path of this.#rules.secrets) for (const [name, value] of dataOf(path)) made[this.#nameOf(name)] = value
    for (const [name, { path, field }] of this.#references) {
      const value = dataOf(path).get(field)
      if (value === undefined) throw new ReferenceError(`${name}: the secret ${path} has no field ${JSON.stringify(field)}`)
      made[name] = value
    }
    return made
  }

  /** All that the program gets, with these. */
  environment(variables: Variables): Environment {
    const plain = this.#named.filter(([, value]) => referenceOf(value) === null)
    return { ...this.#rules.environment, ...variables, ...Object.fromEntries(plain) }
  }

  #nameOf(field: string): string {
    const name = (this.#rules.prefix + field).replaceAll(/[^A-Za-z0-9_]/g, '_')
    return this.#rules.upcase ? name.toUpperCase() : name
  }
}
