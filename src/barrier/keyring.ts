/**
 * The keys of an unsealed barrier: the data keys by term, and the sub-keys derived for other uses. Closed (sealed) it holds nothing
 * and refuses everything. Several processes may share one store; each has its own `Keyring` and reloads when the record has changed.
 */
import type { KeyObject } from 'node:crypto'
import { deriveKey, deriveSigningKey } from '../crypto/keys.ts'
import { ApiError } from '../kit/errors.ts'
import type { Expectation } from '../kit/store.ts'
import type { KeyringContent, RotationConfig } from './keyring-record.ts'
import { newestTerm } from './keyring-record.ts'
import { EncryptionMeter } from './meter.ts'

/** The data key that seals, with what counts its uses. */
export interface ActiveKey {
  readonly term: number
  readonly key: KeyObject
  readonly meter: EncryptionMeter
}

/** What a keyring needs of the world around it. */
export interface KeyringSource {
  /** Reads the keyring record again if it has changed, and calls `load`. */
  reload(): Promise<void>
  /** See `Keyring.fence`. */
  fence(): Promise<Expectation>
  /** See `Barrier.follow`. */
  follow(): Promise<boolean>
  /** Adds to the durable count of encryptions under the key of this term. */
  reserve(active: ActiveKey, count: number): Promise<void>
}

export const sealedError = (): ApiError => new ApiError('sealed', 'Vault is sealed')

/** Terms that a reload did not bring are remembered as forged; more of them than this are not. */
const forgedTermsMax = 64

export class Keyring {
  readonly #source: KeyringSource
  #content: KeyringContent | null = null
  #version = 0
  #active: ActiveKey | null = null
  readonly #keys = new Map<number, KeyObject>()
  readonly #derived = new Map<string, KeyObject>()
  readonly #missing = new Set<number>()
  readonly #forged = new Set<number>()

  constructor(source: KeyringSource) {
    this.#source = source
  }

  get isOpen(): boolean {
    return this.#content !== null
  }

  /** The content as it was loaded. Throws 'sealed' like everything below. */
  get content(): KeyringContent {
    if (this.#content === null) throw sealedError()
    return this.#content
  }

  /** The version of the keyring record that is loaded. */
  get version(): number {
    return this.#version
  }

  get rotation(): RotationConfig {
    return this.content.rotation
  }

  /**
   * Takes over the content of the record at `version`, unless a newer one is loaded; `counted` encryptions under the newest key are already
   * counted durably.
   */
  load(content: KeyringContent, version: number, counted = 0): void {
    if (version < this.#version) return
    this.#content = content
    this.#version = version
    for (const { term, key } of content.terms) this.#keys.set(term, key)
    this.#forged.clear()
    const newest = newestTerm(content)
    if (this.#active?.term !== newest.term) this.#activate(newest.term, newest.key, counted)
  }

  /** Lets go of all keys. OpenSSL wipes each when its last user has gone. */
  close(): void {
    this.#content = null
    this.#version = 0
    this.#active = null
    for (const held of [this.#keys, this.#derived, this.#missing, this.#forged]) held.clear()
  }

  /** See `Barrier.follow`. */
  follow(): Promise<boolean> {
    return this.#source.follow()
  }

  /** What every commit of sealed values depends on: that the store is still the one whose keys these are. Throws 'sealed'. */
  fence(): Promise<Expectation> {
    return this.#source.fence()
  }

  /** Throws 'sealed' unless the keyring is open. */
  check(): void {
    if (this.#content === null) throw sealedError()
  }

  /** The key that seals now. */
  get active(): ActiveKey {
    if (this.#active === null) throw sealedError()
    return this.#active
  }

  /** The data key of a term, or null when this process does not know it (yet). */
  findKey(term: number): KeyObject | null {
    this.check()
    return this.#keys.get(term) ?? null
  }

  /** 32 secret bytes that belong to this label, the same for the life of the store. Ask for it at each use: sealed, there is none. */
  subkey(label: string): KeyObject {
    return this.#derive(`key ${label}`, deriveKey)
  }

  /** The Ed25519 private key that belongs to this label. */
  signingKey(label: string): KeyObject {
    return this.#derive(`ed25519 ${label}`, deriveSigningKey)
  }

  /**
   * The key for a commit of `count` encryptions, which uses it to its end whatever is loaded meanwhile. A promise when further
   * encryptions have to be reserved first, or a term that was missed has to be read.
   */
  ready(count: number): ActiveKey | Promise<ActiveKey> {
    const { active } = this
    if (this.#missing.size > 0) return this.reload().then(() => this.ready(count))
    const waiting = active.meter.ready(count)
    return waiting === null ? active : waiting.then(() => active)
  }

  /** Reads the record again if it has changed. Terms that were missed and are still unknown count as forged from then on. */
  async reload(): Promise<void> {
    const missing = [...this.#missing]
    await this.#source.reload()
    for (const term of missing) {
      this.#missing.delete(term)
      if (!this.#keys.has(term) && this.#forged.size < forgedTermsMax) this.#forged.add(term)
    }
  }

  /** Remembers that a value of an unknown term was met; false when a reload has shown that there is no such term. */
  miss(term: number): boolean {
    if (this.#forged.has(term)) return false
    this.#missing.add(term)
    return true
  }

  #activate(term: number, key: KeyObject, counted: number): void {
    const meter: EncryptionMeter = new EncryptionMeter((count) => this.#source.reserve(active, count), counted)
    const active: ActiveKey = { term, key, meter }
    this.#active = active
  }

  #derive(label: string, derive: (secret: KeyObject, label: string) => KeyObject): KeyObject {
    const known = this.#derived.get(label)
    if (known !== undefined) return known
    const key = derive(this.content.derivation, label)
    this.#derived.set(label, key)
    return key
  }
}
