/** What of ACME is over goes: orders some time after their certificate, accounts without orders, nonces that could not be used again. */
import type { Chore } from '../../../kit/engine.ts'
import type { Transaction } from '../../../kit/store.ts'
import type { TidyTasks } from '../tidy-config.ts'
import type { TidyCall } from '../tidy-steps.ts'
import { isSlotOver, noncesFolder } from './nonce.ts'
import { accounts, accountsByKey, accountsFolder, authorizations, orders, ordersFolder, owners, pendings, type Order } from './records.ts'

type Note = (what: 'acme_account_deleted_count' | 'acme_account_revoked_count' | 'acme_orders_deleted_count' | 'total_acme_account_count', count: number) => Promise<boolean>
const stepMax = 100

function forgetOrder(store: Transaction, order: Order): void {
  for (const id of order.authorizations) {
    authorizations.remove(store, id)
    pendings.remove(store, id)
  }
  if (order.serial !== '') owners.remove(store, order.serial)
  orders.remove(store, order.accountId, order.id)
}

const isOrderOver = (order: Order, now: number, bufferMs: number): boolean => Math.max(order.expiresAt, order.endsAt) + bufferMs < now

async function tidyOrders(call: TidyCall, accountId: string, bufferMs: number): Promise<{ readonly gone: number; readonly left: number }> {
  let [gone, left] = [0, 0]
  for (let after = ''; !call.signal.aborted; ) {
    const ids = await call.store.list(ordersFolder(accountId), { after, limit: stepMax })
    const last = ids.at(-1)
    if (last === undefined) break
    const over = await call.change(async (store) => {
      const found = (await Promise.all(ids.map((id) => orders.read(store, accountId, id)))).filter((order) => order !== null && isOrderOver(order, call.now, bufferMs)) as Order[]
      for (const order of found) forgetOrder(store, order)
      return found.length
    })
    gone += over
    left += ids.length - over
    after = last
  }
  return { gone, left }
}

/** Null: nothing to do. */
async function tidyAccount(call: TidyCall, id: string, bufferMs: number): Promise<'revoked' | 'deleted' | null> {
  return await call.change(async (store) => {
    const account = await accounts.read(store, id)
    if (account === null || account.touchedAt + bufferMs > call.now) return null
    if (account.status === 'valid') {
      accounts.write(store, { ...account, status: 'revoked', touchedAt: call.now }, id)
      return 'revoked'
    }
    accounts.remove(store, id)
    accountsByKey.remove(store, account.directory, account.thumbprint)
    return 'deleted'
  })
}

export async function tidyAcme(call: TidyCall, tasks: TidyTasks, note: Note): Promise<void> {
  for (let after = ''; !call.signal.aborted; ) {
    const ids = await call.store.list(accountsFolder, { after, limit: stepMax })
    const last = ids.at(-1)
    if (last === undefined) return
    for (const id of ids) {
      const { gone, left } = await tidyOrders(call, id, tasks.safety_buffer * 1000)
      const outcome = left > 0 ? null : await tidyAccount(call, id, tasks.acme_account_safety_buffer * 1000)
      await note('total_acme_account_count', 1)
      if (gone > 0) await note('acme_orders_deleted_count', gone)
      if (outcome !== null && !(await note(outcome === 'revoked' ? 'acme_account_revoked_count' : 'acme_account_deleted_count', 1))) return
    }
    after = last
  }
}

/** Used nonces are needed for minutes only, whatever else is tidied. */
export const nonceChore: Chore = {
  name: 'forget nonces',
  everySeconds: 300,
  async run({ store, change, now, signal }) {
    while (!signal.aborted) {
      const [slot] = await store.list(noncesFolder, { limit: 1 })
      if (slot === undefined || !isSlotOver(slot.replace(/\/$/, ''), now)) return
      await change(async (view) => {
        for (const name of await view.list(noncesFolder + slot, { limit: 500 })) view.delete(noncesFolder + slot + name)
      })
    }
  },
}
