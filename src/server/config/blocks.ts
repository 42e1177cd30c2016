/** Access to a configuration that was decoded from HCL or JSON: blocks, and single values with their place in the text of an error. */
import { parseDuration } from '../../kit/duration.ts'
import type { HclData, HclRecord } from '../../kit/hcl/decode.ts'

/** A block such as `listener "tcp" { … }`: its label and what it holds. */
export interface Block {
  readonly name: string
  readonly label: string
  readonly body: Section
}

/** Something in the configuration that cannot be used: one line that names it. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

const isRecord = (value: HclData | undefined): value is HclRecord => typeof value === 'object' && !Array.isArray(value)

/** One object of the configuration. Every key that nobody asks for is reported by `unknown`. */
export class Section {
  readonly #where: string
  readonly #values: HclRecord
  readonly #asked = new Set<string>()

  constructor(values: HclRecord, where: string) {
    this.#values = values
    this.#where = where
  }

  #raw(key: string): HclData | undefined {
    this.#asked.add(key)
    return Object.hasOwn(this.#values, key) ? this.#values[key] : undefined
  }

  #fail(key: string, expected: string): never {
    throw new ConfigError(`${this.#where}${key}: expected ${expected}`)
  }

  has(key: string): boolean {
    return this.#raw(key) !== undefined
  }

  text(key: string): string | undefined {
    const value = this.#raw(key)
    if (value === undefined || typeof value === 'string') return value
    if (typeof value === 'number' || typeof value === 'boolean') return String(value)
    return this.#fail(key, 'a text')
  }

  flag(key: string): boolean | undefined {
    const value = this.#raw(key)
    if (value === undefined || typeof value === 'boolean') return value
    if (value === 'true' || value === '1' || value === 1) return true
    if (value === 'false' || value === '0' || value === 0 || value === '') return false
    return this.#fail(key, 'true or false')
  }

  number(key: string): number | undefined {
    const value = this.#raw(key)
    const number = typeof value === 'string' ? Number(value) : value
    if (number === undefined) return undefined
    return typeof number === 'number' && Number.isSafeInteger(number) ? number : this.#fail(key, 'a whole number')
  }

  /** Seconds. */
  duration(key: string): number | undefined {
    const value = this.#raw(key)
    if (value === undefined) return undefined
    try {
      return parseDuration(value)
    } catch {
      return this.#fail(key, 'a duration such as 30s, 15m or 768h')
    }
  }

  list(key: string): readonly string[] | undefined {
    const value = this.#raw(key)
    if (value === undefined) return undefined
    if (typeof value === 'string') return value.split(',').map((item) => item.trim()).filter((item) => item !== '')
    if (!Array.isArray(value) || value.some((item) => typeof item !== 'string')) return this.#fail(key, 'a list of texts')
    return value as string[]
  }

  /** Objects under a key that may be written once or several times, with or without labels in between. */
  sections(key: string): readonly Section[] {
    return this.#records(key).map((record) => new Section(record, `${this.#where}${key}.`))
  }

  /** `listener "tcp" {…}`, in all the forms that HCL and JSON have for it. */
  blocks(key: string): readonly Block[] {
    return this.#records(key).flatMap((record) =>
      Object.entries(record).flatMap(([label, value]) => {
        const bodies = Array.isArray(value) ? value : [value]
        return bodies.map((body) => {
          if (!isRecord(body)) return this.#fail(`${key} "${label}"`, 'a block { … }')
          return { name: key, label, body: new Section(body, `${this.#where}${key} "${label}": `) }
        })
      }),
    )
  }

  #records(key: string): HclRecord[] {
    const value = this.#raw(key)
    if (value === undefined) return []
    return (Array.isArray(value) ? value : [value]).map((item) => (isRecord(item) ? item : this.#fail(key, 'a block { … }')))
  }

  /** Full names of the keys that nobody has asked for. */
  unknown(): readonly string[] {
    return Object.keys(this.#values).filter((key) => !this.#asked.has(key)).map((key) => this.#where + key)
  }
}
