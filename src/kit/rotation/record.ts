/** What is on record of something that rotates, and the index of when which of them is due. */
import type { Transaction } from '../store.ts'

export interface Rotation {
  /** Milliseconds since 1970; 0: never. */
  readonly lastAt: number
  /** When it is due by itself; 0: only when asked for. */
  readonly nextAt: number
  /** Why the last attempt failed; '' when it did not. */
  readonly failure: string
  readonly failures: number
}

/** When something rotates: every so many seconds, or as a cron text says, then within so many seconds. */
export interface Schedule {
  readonly periodSeconds: number
  readonly cron: string
  readonly windowSeconds: number
}

/** A secret that is about to take the place of another one. Both are kept until one of them has proven to be the right one. */
export interface Successor<S> {
  readonly secret: S
  /** Milliseconds since 1970: until then whoever meant it may still be at it. */
  readonly until: number
}

/** What rotates, in its mount. */
export interface RotatingName {
  readonly kind: string
  readonly name: string
}

const mark = new Uint8Array([1])
export const schedulePrefix = 'schedule/'
const stamp = (ms: number): string => Math.max(0, Math.floor(ms)).toString(16).padStart(12, '0')
const scheduleKey = (prefix: string, at: number, { kind, name }: RotatingName): string => `${prefix}${stamp(at)}.${kind}.${encodeURIComponent(name)}`

/** Moves the entry of something in the index of what is due. 0: it has none. `prefix`: of an engine's own index of that form. */
export function reschedule(store: Transaction, name: RotatingName, before: number, after: number, prefix = schedulePrefix): void {
  if (before > 0 && before !== after) store.delete(scheduleKey(prefix, before, name))
  if (after > 0) store.put(scheduleKey(prefix, after, name), mark)
}

export function parseScheduleName(entry: string): RotatingName & { readonly at: number } {
  const [time = '', kind = '', ...name] = entry.split('.')
  return { at: Number.parseInt(time, 16), kind, name: decodeURIComponent(name.join('.')) }
}
