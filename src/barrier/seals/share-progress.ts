/**
 * Shares on their way to the threshold, in the memory of one process: shares are secrets and are never stored. Where several processes
 * serve, one of them (the supervisor) owns these states and the others pass the requests on to it.
 */
import { isEqualSecret } from '../../crypto/keys.ts'

export class ShareProgress {
  #shares: Buffer[] = []

  get count(): number {
    return this.#shares.length
  }

  /** Takes over a share (it is wiped in time), unless it is there already. */
  add(share: Buffer): 'added' | 'known' {
    if (this.#shares.some((known) => isEqualSecret(known, share))) {
      share.fill(0)
      return 'known'
    }
    this.#shares.push(share)
    return 'added'
  }

  /** Hands all shares to `use` and wipes them, whatever comes of it: a wrong share cannot be told from the others, so all start anew. */
  async spend<T>(use: (shares: readonly Buffer[]) => Promise<T>): Promise<T> {
    const shares = this.#shares
    this.#shares = []
    try {
      return await use(shares)
    } finally {
      wipe(shares)
    }
  }

  /** Wipes what has come in so far. */
  reset(): void {
    wipe(this.#shares)
    this.#shares = []
  }
}

function wipe(shares: readonly Buffer[]): void {
  for (const share of shares) share.fill(0)
}
