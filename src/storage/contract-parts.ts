/** What the parts of the storage contract suite share: the subject of a test, and values that are easy to read. */
import type { Store } from '../kit/store.ts'

/** A store made for one test, empty. `reopen` closes it and opens what it kept; a store that keeps nothing has none. */
export interface Subject {
  readonly store: Store
  /** Bytes of the longest key, where a layer adds something to it. Default: `keyBytesMax`. */
  readonly longestKey?: number
  readonly reopen?: () => Promise<Store>
  close(): Promise<void>
}

export interface SubjectSettings {
  /** The store may forget changes that are older than so many commits, and must once it has seen twenty times as many. */
  readonly rememberedCommits?: number
}

export type Make = (settings?: SubjectSettings) => Promise<Subject>

/** Declares one requirement; the body gets a fresh store. */
export type Requirement = (name: string, body: (store: Store, subject: Subject) => Promise<void>, settings?: SubjectSettings) => void

export const bytes = (text: string): Uint8Array => Buffer.from(text)
export const textOf = (value: Uint8Array | undefined): string | undefined =>
  value === undefined ? undefined : Buffer.from(value).toString()
export const readText = async (store: Store, key: string) => textOf((await store.get(key))?.value)

/** A merge that counts in decimal. */
export const increment = (current: Uint8Array | null): Uint8Array => bytes(String(Number(textOf(current ?? bytes('0'))) + 1))
