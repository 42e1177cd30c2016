/** Runs one thing after the other: for state that must not change while something waits. */
export class SerialQueue {
  #last: Promise<unknown> = Promise.resolve()

  /** Runs `work` when everything before it has ended, well or badly, and resolves as it does. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work)
    this.#last = result.catch(() => undefined)
    return await result
  }
}
