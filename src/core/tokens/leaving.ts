/** Auth mounts that are being disabled: their tokens are refused from then on, however many are still to be removed. */
import type { Transaction } from '../../kit/store.ts'

const leavingKey = (accessor: string): string => `leaving/${accessor}`
const mark = new Uint8Array([1])

/** `opaque`: the transaction on the opaque store. */
export const markLeaving = (opaque: Transaction, accessor: string): void => opaque.put(leavingKey(accessor), mark)
export const forgetLeaving = (opaque: Transaction, accessor: string): void => opaque.delete(leavingKey(accessor))

/** Whether the auth mount with this accessor is being disabled. */
export const isLeaving = async (opaque: Pick<Transaction, 'get'>, accessor: string): Promise<boolean> => (await opaque.get(leavingKey(accessor))) !== null
