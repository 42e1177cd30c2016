/** Many inputs in one request: parsed strictly, worked on in pieces that let other requests in between, each with a result or an error of its own. */
import { setImmediate } from 'node:timers/promises'
import { ApiError, badRequest } from '../../kit/errors.ts'
import { isJsonObject } from '../../kit/fields.ts'
import type { Json, JsonObject } from '../../kit/json.ts'

/** What an item may hold; `undefined` where it did not. */
export type Item<N extends string> = { readonly [K in N]: string | undefined } & { readonly reference: string; readonly keyVersion: number }

const refusal = (what: string): ApiError => badRequest(`failed to parse batch input: ${what}`)

/** The items of `batch_input`, of which the texts `names`, `reference` and the number `key_version` count. Null where there is no batch. */
export function parseItems<const N extends string>(raw: Json | undefined, names: readonly N[]): Item<N>[] | null {
  if (raw === undefined || raw === null) return null
  if (!Array.isArray(raw)) throw refusal('source data must be an array')
  if (raw.length === 0) throw badRequest('missing batch input to process')
  return (raw as readonly Json[]).map((item, index) => {
    if (!isJsonObject(item)) throw refusal(`[${index}] expected a map`)
    const texts = Object.fromEntries(names.map((name) => [name, textOf(item, name, index)]))
    return { ...texts, reference: textOf(item, 'reference', index) ?? '', keyVersion: versionOf(item, index) } as Item<N>
  })
}

function textOf(item: JsonObject, name: string, index: number): string | undefined {
  const value = Object.hasOwn(item, name) ? item[name] : undefined
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'string') throw refusal(`'[${index}].${name}' expected type 'string'`)
  return value
}

function versionOf(item: JsonObject, index: number): number {
  const value = Object.hasOwn(item, 'key_version') ? item['key_version'] : undefined
  if (value === undefined || value === null) return 0
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw refusal(`'[${index}].key_version' expected type 'int'`)
  return value
}

/** Refuses items without one of the texts. */
export function requireText<const N extends string>(items: readonly Item<N>[], name: N, missing: string): void {
  items.forEach((item, index) => {
    if (item[name] === undefined) throw refusal(`'[${index}].${name}' ${missing}`)
  })
}

/** So many items are worked on before other requests have a turn, and at most so many at the same time. */
const pieceLength = 64

export type Outcome<R> = { readonly result: R } | { readonly error: string }

/** What `work` makes of each item, in order. A refusal becomes the error of its item; anything else ends it all. */
export async function eachItem<T, R>(items: readonly T[], work: (item: T, index: number) => Promise<R>): Promise<Outcome<R>[]> {
  const outcomes: Outcome<R>[] = []
  for (let start = 0; start < items.length; start += pieceLength) {
    if (start > 0) await setImmediate()
    const piece = items.slice(start, start + pieceLength)
    outcomes.push(...(await Promise.all(piece.map((item, index) => attempt(work(item, start + index))))))
  }
  return outcomes
}

async function attempt<R>(running: Promise<R>): Promise<Outcome<R>> {
  try {
    return { result: await running }
  } catch (error) {
    if (error instanceof ApiError && error.status < 500) return { error: error.message }
    throw error
  }
}

export const isFailed = <R>(outcome: Outcome<R>): outcome is { readonly error: string } => 'error' in outcome
