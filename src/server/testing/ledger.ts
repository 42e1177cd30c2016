/** What a server has acknowledged: what must be there after a crash, and what may be there or not because its answer never came. */

/** A value, or null for nothing there. */
type Value = string | null

interface Line {
  sure: Value
  /** What the request that is under way would make of it. */
  maybe: { readonly value: Value } | null
}

export class Ledger {
  readonly #lines = new Map<string, Line>()

  /** Runs a request that would set `key` to `value`: surely so once it was acknowledged, perhaps so if it never came back. */
  async attempt(key: string, value: Value, request: () => Promise<unknown>): Promise<void> {
    const line = this.#lines.get(key) ?? { sure: null, maybe: null }
    this.#lines.set(key, line)
    line.maybe = { value }
    await request()
    line.sure = value
    line.maybe = null
  }

  /** Something that has a key only since it was acknowledged. */
  acknowledge(key: string, value: Value): void {
    this.#lines.set(key, { sure: value, maybe: null })
  }

  /** Whether what is there is as it was acknowledged. From then on it is what is there. */
  settle(key: string, found: Value): boolean {
    const line = this.#lines.get(key) ?? { sure: null, maybe: null }
    const isRight = found === line.sure || (line.maybe !== null && found === line.maybe.value)
    this.#lines.set(key, { sure: found, maybe: null })
    return isRight
  }

  expected(key: string): string {
    const line = this.#lines.get(key)
    return line === undefined ? 'nothing' : `${String(line.sure)}${line.maybe === null ? '' : ` or ${String(line.maybe.value)}`}`
  }

  keys(): string[] {
    return [...this.#lines.keys()]
  }
}
