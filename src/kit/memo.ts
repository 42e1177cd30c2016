/**
 * What was made of an object, kept with it for as long as it lives. A WeakMap does the same, but its entries are dear: the garbage collector looks at each of them anew until
 * it has gone through all memory. So what is made for each request, or each commit, is kept here.
 */
export interface Memo<K extends object, V> {
  readonly get: (of: K) => V | undefined
  /** `of` must not be frozen. */
  readonly set: (of: K, made: V) => void
}

export function memo<K extends object, V>(name: string): Memo<K, V> {
  const slot = Symbol(name)
  type Holder = K & { [slot]?: V }
  return {
    get: (of) => (of as Holder)[slot],
    set(of, made) {
      ;(of as Holder)[slot] = made
    },
  }
}
