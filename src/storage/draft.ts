/** Merges that change a value in the form in which it is used, and put it into bytes once for all commits of a transaction. */
import type { Draft, Merge, DraftMerge } from '../kit/store.ts'

/** How values of one kind are kept. They are not changed once they are made. */
export interface Form<T> {
  readonly read: (bytes: Uint8Array) => T
  readonly write: (value: T) => Uint8Array
}

class FormedDraft<T> implements Draft {
  readonly form: Form<T>
  readonly value: T

  constructor(form: Form<T>, value: T) {
    this.form = form
    this.value = value
  }

  bytes(): Uint8Array {
    return this.form.write(this.value)
  }
}

/** `change` gets what is there, or null, and gives what is to be there; null deletes. */
export function formedMerge<T>(key: string, form: Form<T>, change: (value: T | null) => T | null): { readonly merge: string; readonly by: Merge; readonly draft: DraftMerge } {
  const valueIn = (current: Uint8Array | Draft): T =>
    current instanceof FormedDraft && current.form === form ? (current.value as T) : form.read(current instanceof Uint8Array ? current : current.bytes())
  const draft = (current: Uint8Array | Draft | null): Draft | null => {
    const after = change(current === null ? null : valueIn(current))
    return after === null ? null : new FormedDraft(form, after)
  }
  return { merge: key, by: (current) => draft(current)?.bytes() ?? null, draft }
}
