/** Hides secrets in what a program prints. */
import { Transform, type TransformCallback } from 'node:stream'

/** Shorter ones occur by chance everywhere, and are left. Bytes. */
export const maskedBytesMin = 4
const stars = Buffer.from('********')

/**
 * Passes bytes on, with stars in place of each secret, also where it arrives in pieces. Only bytes with which a secret may begin are held back, so
 * that a prompt is seen at once. What a program prints in another form (encoded, cut, in colours) is not found.
 */
export class Mask extends Transform {
  readonly #secrets: () => readonly Buffer[]
  #held: Buffer = Buffer.alloc(0)

  /** Asked anew for each piece, since secrets change. */
  constructor(secrets: () => readonly Buffer[]) {
    super()
    this.#secrets = secrets
  }

  override _transform(chunk: Buffer, _encoding: string, done: TransformCallback): void {
    this.#pass(this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]), false)
    done()
  }

  override _flush(done: TransformCallback): void {
    this.#pass(this.#held, true)
    done()
  }

  #pass(given: Buffer, isLast: boolean): void {
    const secrets = this.#secrets()
    const end = isLast ? given.length : heldFrom(given, secrets)
    const finder = new Finder(given, secrets)
    let at = 0
    for (let found = finder.next(at); found !== null && found.start < end; found = finder.next(at)) {
      this.push(Buffer.concat([given.subarray(at, found.start), stars]))
      at = found.start + found.length
    }
    const rest = Math.max(at, end)
    if (rest > at) this.push(given.subarray(at, rest))
    this.#held = Buffer.from(given.subarray(rest))
  }
}

/** What is to be found for these texts. Line ends after a secret are often cut by programs. */
export function maskable(texts: Iterable<string>): Buffer[] {
  const buffers = [...new Set([...texts].map((text) => text.trimEnd()))].map((text) => Buffer.from(text))
  return buffers.filter(({ length }) => length >= maskedBytesMin).toSorted((a, b) => b.length - a.length)
}

interface Place {
  readonly start: number
  readonly length: number
}

/** Looks for all secrets at once; each part of the bytes is looked at once for each. */
class Finder {
  readonly #given: Buffer
  readonly #secrets: readonly Buffer[]
  readonly #starts: number[]

  constructor(given: Buffer, secrets: readonly Buffer[]) {
    this.#given = given
    this.#secrets = secrets
    this.#starts = secrets.map((secret) => given.indexOf(secret))
  }

  /** The first place of any at or after `from`; of several at one place the longest, which stands first in the list. */
  next(from: number): Place | null {
    let found: Place | null = null
    for (const [i, secret] of this.#secrets.entries()) {
      let start = this.#starts[i] ?? -1
      if (start !== -1 && start < from) this.#starts[i] = start = this.#given.indexOf(secret, from)
      if (start !== -1 && (found === null || start < found.start)) found = { start, length: secret.length }
    }
    return found
  }
}

/** Where the longest end of it begins that may be the beginning of a secret. */
function heldFrom(given: Buffer, secrets: readonly Buffer[]): number {
  const longest = Math.max(0, ...secrets.map(({ length }) => length - 1))
  for (let at = Math.max(0, given.length - longest); at < given.length; at++) {
    const length = given.length - at
    if (secrets.some((secret) => secret.length > length && given.compare(secret, 0, length, at) === 0)) return at
  }
  return given.length
}
