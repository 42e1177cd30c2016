/** What goes wrong with a receiver is said once, and that it works again is, too. */

/** `what`: a few words, without the name of the receiver. */
export type Say = (level: 'warn' | 'info', what: string) => void

export class Trouble {
  readonly #say: Say
  #isSaid = false
  #hasFailed = false

  constructor(say: Say) {
    this.#say = say
  }

  /** Before each sending: the last one went well if nothing was told of it until now. */
  next(): void {
    if (this.#isSaid && !this.#hasFailed) {
      this.#isSaid = false
      this.#say('info', 'figures are sent again')
    }
    this.#hasFailed = false
  }

  failed(why: string): void {
    this.#hasFailed = true
    if (this.#isSaid) return
    this.#isSaid = true
    this.#say('warn', `figures cannot be sent, and are dropped: ${why}`)
  }
}

/** Codes say enough, and are the same in every language. */
export const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? (error instanceof Error ? error.message : 'unknown')
