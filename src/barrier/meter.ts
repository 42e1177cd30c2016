/**
 * Counts the encryptions under one key. Blocks of them are written down before they are used, so a crash can only lead to a count that
 * is too high, never to one that is too low.
 */
import { internal } from '../kit/errors.ts'

const blockMin = 4_096
const blockMax = 1_048_576
/** Encryptions inside merges happen after `ready`; so many are always kept for them. */
const margin = 1_024

export class EncryptionMeter {
  readonly #reserve: (count: number) => Promise<void>
  #block = blockMin
  #left: number
  #reserving: Promise<void> | null = null

  /** `reserve` resolves when so many further encryptions are durably counted; `left` of them are counted already. */
  constructor(reserve: (count: number) => Promise<void>, left = 0) {
    this.#reserve = reserve
    this.#left = left
  }

  /** How many encryptions are counted durably but not yet used. */
  get left(): number {
    return this.#left
  }

  /** Null when `count` encryptions may follow at once, as is nearly always so; otherwise what to wait for. */
  ready(count: number): Promise<void> | null {
    if (this.#left >= this.#block / 2 && this.#left >= count + margin) return null
    return this.#refill(count)
  }

  /** Takes one encryption. Throws 'internal' when none is left, which means that reservations have been failing for long. */
  take(): void {
    if (this.#left <= 0) throw internal('no encryption of this key is left: reservations of further ones have failed')
    this.#left -= 1
  }

  async #refill(count: number): Promise<void> {
    this.#reserving ??= this.#grow()
    // Half a block is left: go on, but let the failure of a reservation be seen by the commit that finally needs it.
    if (this.#left >= count + margin) return void this.#reserving.catch(() => undefined)
    await this.#reserving
    // A commit of very many writes may need more than one block.
    if (this.#left < count + margin) await this.#refill(count)
  }

  async #grow(): Promise<void> {
    const size = this.#block
    try {
      await this.#reserve(size)
      this.#left += size
      this.#block = Math.min(blockMax, size * 2)
    } finally {
      this.#reserving = null
    }
  }
}
