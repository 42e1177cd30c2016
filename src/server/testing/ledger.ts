/** What a server has acknowledged: what must be there after a crash, and what may be there or not because its answer never came. */

/** A value, or null for nothing there. */
type Value = string | null

interface Line {
  sure: Value
  /** What requests would have made of it whose answers never came, or are yet to come. */
  maybe: readonly Value[]
}

/** A request as the ledger saw it, by positions in the order of some log; `acknowledged` is infinite when its answer never came. */
interface Attempt {
  readonly key: string
  readonly value: Value
  readonly began: number
  acknowledged: number
}

export class Ledger {
  readonly #history: Attempt[] = []
  readonly #position: () => number
  readonly #lines = new Map<string, Line>()

  /** `position` says where something that is asked about later stood at the moment: see `asOf`. */
  constructor(position: () => number = () => 0) {
    this.#position = position
  }

  /** What was acknowledged by a position, and what was under way there. */
  asOf(position: number): Ledger {
    const past = new Ledger()
    for (const { key, value, began, acknowledged } of this.#history) {
      if (began > position) continue
      const line = past.#lines.get(key) ?? { sure: null, maybe: [] }
      past.#lines.set(key, acknowledged <= position ? { sure: value, maybe: [] } : { ...line, maybe: [...line.maybe, value] })
    }
    return past
  }

  /** Runs a request that would set `key` to `value`: surely so once it was acknowledged, perhaps so if it never came back. */
  async attempt(key: string, value: Value, request: () => Promise<unknown>): Promise<void> {
    const line = this.#lines.get(key) ?? { sure: null, maybe: [] }
    this.#lines.set(key, line)
    line.maybe = [...line.maybe, value]
    const attempt: Attempt = { key, value, began: this.#position(), acknowledged: Infinity }
    this.#history.push(attempt)
    await request()
    attempt.acknowledged = this.#position()
    line.sure = value
    line.maybe = []
  }

  /** Something that has a key only since it was acknowledged. */
  acknowledge(key: string, value: Value): void {
    this.#history.push({ key, value, began: this.#position(), acknowledged: this.#position() })
    this.#lines.set(key, { sure: value, maybe: [] })
  }

  /** Whether what is there is as it was acknowledged. From then on it is what is there. */
  settle(key: string, found: Value): boolean {
    const line = this.#lines.get(key) ?? { sure: null, maybe: [] }
    const isRight = found === line.sure || line.maybe.includes(found)
    this.#lines.set(key, { sure: found, maybe: [] })
    return isRight
  }

  expected(key: string): string {
    const line = this.#lines.get(key)
    return line === undefined ? 'nothing' : [line.sure, ...line.maybe].map(String).join(' or ')
  }

  keys(): string[] {
    return [...this.#lines.keys()]
  }
}
