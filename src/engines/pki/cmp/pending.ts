/** Certificates whose clients have not said yet that they take them. What nobody says anything about stays valid; that it was made is forgotten after an hour or two. */
import { createHash } from 'node:crypto'
import { records } from '../../../kit/records.ts'
import type { Chore } from '../../../kit/engine.ts'
import type { Transaction } from '../../../kit/store.ts'
import { hourEnd, hourFolder } from '../certificates.ts'
import type { Sender } from './protection.ts'

const folder = 'cmp-pending/'
const pending = records<{ readonly serial: string }, [hour: string, name: string]>((hour, name) => `${folder}${hour}/${name}`)
const hourMs = 3_600_000

/** Only who made the request can confirm it. */
function nameOf(transactionId: Buffer, sender: Sender): string {
  const who = sender.by === 'secret' ? sender.reference : sender.certificate.spki
  return createHash('sha256').update(Uint8Array.of(transactionId.length)).update(transactionId).update(sender.by).update(who).digest('hex')
}

export const awaitConfirmation = (store: Transaction, now: number, transactionId: Buffer, sender: Sender, serial: string): void =>
  pending.write(store, { serial }, hourFolder(now), nameOf(transactionId, sender))

/** The serial number of what a transaction has made, which is then no longer waited for; null where there is none. */
export async function takePending(store: Transaction, now: number, transactionId: Buffer, sender: Sender): Promise<string | null> {
  const name = nameOf(transactionId, sender)
  for (const hour of [hourFolder(now), hourFolder(now - hourMs)]) {
    const found = await pending.read(store, hour, name)
    if (found === null) continue
    pending.remove(store, hour, name)
    return found.serial
  }
  return null
}

export const pendingChore: Chore = {
  name: 'forget unconfirmed requests',
  everySeconds: 600,
  async run({ store, change, now, signal }) {
    while (!signal.aborted) {
      const [hour] = await store.list(folder, { limit: 1 })
      if (hour === undefined || hourEnd(hour.replace(/\/$/, '')) > now - hourMs) return
      await change(async (view) => {
        for (const name of await view.list(folder + hour, { limit: 500 })) view.delete(folder + hour + name)
      })
    }
  },
}
