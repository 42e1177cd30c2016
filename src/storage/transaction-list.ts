/** `Transaction.list` when there are writes yet to be committed: the store's page, less what they remove, with what they add. */
import type { ListOptions, Store, Transaction, Write } from '../kit/store.ts'
import { checkList, compareKeys } from './key.ts'
import { keyOf } from './layered.ts'

export async function listWithWrites(
  store: Store,
  transaction: Transaction,
  writes: ReadonlyMap<string, Write>,
  prefix: string,
  options: ListOptions = {},
): Promise<string[]> {
  checkList(prefix, options)
  const changed = await findChanged(transaction, writes, prefix)
  if (changed.size === 0) return await store.list(prefix, options)
  const { limit } = options
  const removedCount = [...changed.values()].filter((isPresent) => !isPresent).length
  // So many more that the page is full even if all that was removed stood on it.
  const page = await store.list(prefix, limit === undefined ? options : { ...options, limit: limit + removedCount })
  const names = new Set(page)
  for (const [name, isPresent] of changed) {
    if (!isPresent) names.delete(name)
    else if (isAfter(name, options)) names.add(name)
  }
  return [...names].sort((one, other) => (options.reverse === true ? compareKeys(other, one) : compareKeys(one, other))).slice(0, limit)
}

/** The names below `prefix` that the writes touch, and whether each is there with them. */
async function findChanged(transaction: Transaction, writes: ReadonlyMap<string, Write>, prefix: string): Promise<Map<string, boolean>> {
  const changed = new Map<string, boolean>()
  const emptied = new Set<string>()
  for (const write of writes.values()) {
    const key = keyOf(write)
    if (!key.startsWith(prefix)) continue
    const slash = key.indexOf('/', prefix.length)
    const name = slash < 0 ? key.slice(prefix.length) : key.slice(prefix.length, slash + 1)
    if (await isPresentWith(transaction, write)) changed.set(name, true)
    else if (slash < 0) changed.set(name, false)
    else emptied.add(name)
  }
  for (const name of emptied) {
    // A folder that lost a key may have others left.
    if (!changed.has(name)) changed.set(name, (await transaction.list(prefix + name, { limit: 1 })).length > 0)
  }
  return changed
}

async function isPresentWith(transaction: Transaction, write: Write): Promise<boolean> {
  if ('put' in write) return true
  return 'merge' in write && (await transaction.get(write.merge)) !== null
}

function isAfter(name: string, { after, reverse = false }: ListOptions): boolean {
  if (after === undefined) return true
  return reverse ? compareKeys(name, after) < 0 : compareKeys(name, after) > 0
}
