/** Reads blocks of a configuration strictly: what nobody asked for is named, and so is what has another type than it should. */
import { parseDuration } from '../../kit/duration.ts'
import type { HclData, HclRecord } from '../../kit/hcl/decode.ts'

/** Something is wrong in the configuration; the message names the place. */
export class AgentConfigError extends Error {
  override readonly name = 'AgentConfigError'
}

const isRecord = (value: HclData | undefined): value is HclRecord => typeof value === 'object' && value !== null && !Array.isArray(value)

/** One block. Every key that is read counts as known; `finish` refuses the others. */
export class Block {
  readonly where: string
  readonly #record: HclRecord
  readonly #read = new Set<string>()

  constructor(where: string, record: HclRecord) {
    this.where = where
    this.#record = record
  }

  #at(key: string): HclData | undefined {
    this.#read.add(key)
    return Object.hasOwn(this.#record, key) ? this.#record[key] : undefined
  }

  #wrong(key: string, wanted: string): AgentConfigError {
    return new AgentConfigError(`${this.where}${key}: expected ${wanted}`)
  }

  has(key: string): boolean {
    return this.#at(key) !== undefined
  }

  isText(key: string, wanted: string): boolean {
    return this.#at(key) === wanted
  }

  text(key: string, otherwise = ''): string {
    const value = this.#at(key)
    if (value === undefined) return otherwise
    if (typeof value === 'object') throw this.#wrong(key, 'a text')
    return String(value)
  }

  needed(key: string): string {
    const value = this.text(key)
    if (value === '') throw new AgentConfigError(`${this.where}${key} is missing`)
    return value
  }

  flag(key: string, otherwise = false): boolean {
    const value = this.#at(key)
    if (value === undefined) return otherwise
    if (value === true || value === 'true' || value === 1 || value === '1') return true
    if (value === false || value === 'false' || value === 0 || value === '0') return false
    throw this.#wrong(key, 'true or false')
  }

  integer(key: string, otherwise: number): number {
    const value = this.#at(key)
    if (value === undefined) return otherwise
    const number = typeof value === 'string' && /^-?\d+$/.test(value) ? Number(value) : value
    if (typeof number !== 'number' || !Number.isSafeInteger(number)) throw this.#wrong(key, 'a whole number')
    return number
  }

  seconds(key: string, otherwise: number): number {
    const value = this.#at(key)
    if (value === undefined) return otherwise
    try {
      const seconds = parseDuration(value)
      if (seconds >= 0) return seconds
    } catch {
      // Told below, with the place.
    }
    throw this.#wrong(key, 'a duration such as "90s"')
  }

  /** `0644`, `"0644"` or `420`. */
  mode(key: string): number | null {
    const value = this.#at(key)
    if (value === undefined || value === '') return null
    const mode = typeof value === 'string' && /^0?[0-7]{3,4}$/.test(value) ? Number.parseInt(value, 8) : value
    if (typeof mode !== 'number' || !Number.isInteger(mode) || mode < 0 || mode > 0o7777) throw this.#wrong(key, 'permissions such as "0640"')
    return mode
  }

  /** A list of texts, or one text. */
  texts(key: string): string[] {
    const value = this.#at(key)
    if (value === undefined) return []
    const list = Array.isArray(value) ? value : [value]
    return list.map((item) => {
      if (typeof item === 'object') throw this.#wrong(key, 'a list of texts')
      return String(item)
    })
  }

  /** Texts by name. */
  map(key: string): Record<string, string> {
    const blocks = this.#list(key).filter(isRecord)
    return Object.fromEntries(blocks.flatMap((block) => Object.entries(block)).map(([name, value]) => [name, String(value)]))
  }

  /** Blocks without a label. */
  blocks(key: string): Block[] {
    return this.#list(key).map((value) => {
      if (!isRecord(value)) throw this.#wrong(key, 'a block')
      return new Block(`${this.where}${key}.`, value)
    })
  }

  /** At most one. */
  block(key: string): Block | null {
    const [first, second] = this.blocks(key)
    if (second !== undefined) throw new AgentConfigError(`${this.where}${key} is there twice`)
    return first ?? null
  }

  /** Blocks with a label: `method "approle" {…}`; also with the label inside, as `type`. */
  labelled(key: string): { readonly label: string; readonly block: Block }[] {
    return this.#list(key).flatMap((value) => {
      if (!isRecord(value)) throw this.#wrong(key, 'a block with a label')
      const inner = Object.entries(value).filter(([, one]) => Array.isArray(one) && one.every(isRecord))
      const isInside = typeof value['type'] === 'string' || inner.length !== Object.keys(value).length
      if (isInside) return [{ label: String(value['type'] ?? ''), block: new Block(`${this.where}${key}.`, value) }]
      return inner.flatMap(([label, blocks]) => (blocks as HclRecord[]).map((block) => ({ label, block: new Block(`${this.where}${key}.${label}.`, block) })))
    })
  }

  #list(key: string): HclData[] {
    const value = this.#at(key)
    return value === undefined ? [] : Array.isArray(value) ? value : [value]
  }

  /** Takes these as known, though nothing here uses them. Returns those that are there. */
  ignore(...keys: readonly string[]): string[] {
    return keys.filter((key) => this.#at(key) !== undefined)
  }

  finish(): void {
    const unknown = Object.keys(this.#record).filter((key) => !this.#read.has(key))
    if (unknown.length > 0) throw new AgentConfigError(`${this.where}${unknown[0] ?? ''} is not known`)
  }
}
