/** Unsealing: shares one by one until the threshold, or by an automatic seal. The answers are those of `sys/seal-status`. */
import { randomUUID } from 'node:crypto'
import { badRequest } from '../../kit/errors.ts'
import type { Barrier } from '../barrier.ts'
import type { SealRecord } from '../seal-record.ts'
import { SerialQueue } from '../serial-queue.ts'
import { resolveSeal } from './authority.ts'
import { openByRecovery } from './recovery.ts'
import type { Seal } from './seal.ts'
import { combineKey, shamirSeal, shamirType } from './shamir.ts'
import { ShareProgress } from './share-progress.ts'

/** The part of `sys/seal-status` that the barrier knows, in the words of the wire. */
export interface SealStatus {
  readonly type: string
  readonly initialized: boolean
  readonly sealed: boolean
  readonly t: number
  readonly n: number
  readonly progress: number
  readonly nonce: string
  readonly migration: false
  readonly recovery_seal: boolean
}

/** Unseals with a seal that needs nobody. Throws 'bad_request' when the seal does not open this store. */
export async function unsealBySeal(barrier: Barrier, seal: Seal): Promise<void> {
  const record = await resolveSeal(barrier)
  if (!(seal.opens?.(record.type, record.wrapped) ?? record.type === seal.type)) throw badRequest(`the store is sealed by a "${record.type}" seal, not by "${seal.type}"`)
  const rootKey = await seal.unwrap(record.wrapped)
  if (rootKey === null) throw badRequest(`Unseal failed, invalid key: the "${seal.type}" seal belongs to another store`)
  try {
    await barrier.unseal(rootKey)
  } finally {
    rootKey.fill(0)
  }
}

export class Unsealing {
  readonly #barrier: Barrier
  readonly #defaultType: string
  readonly #queue = new SerialQueue()
  readonly #progress = new ShareProgress()
  #nonce = ''

  /** `defaultType` is the seal's type as long as nothing is initialised. */
  constructor(barrier: Barrier, defaultType: string = shamirType) {
    this.#barrier = barrier
    this.#defaultType = defaultType
  }

  async status(): Promise<SealStatus> {
    return this.#statusOf(await this.#barrier.readSeal())
  }

  /**
   * Takes one share (see `parseShare`) and unseals when it is the last one needed. The same share twice counts once. Throws
   * 'bad_request' when the shares are complete but wrong: then all have to be given again.
   */
  async submit(share: Buffer): Promise<SealStatus> {
    return await this.#queue.run(async () => {
      const record = await resolveSeal(this.#barrier)
      if (!this.#barrier.isSealed) share.fill(0)
      else await this.#add(record, share)
      return this.#statusOf(record)
    })
  }

  /** Forgets the shares given so far. */
  async reset(): Promise<SealStatus> {
    return await this.#queue.run(async () => {
      const record = await resolveSeal(this.#barrier)
      this.#forget()
      return this.#statusOf(record)
    })
  }

  async #add(record: SealRecord, share: Buffer): Promise<void> {
    const { recovery, recoverable } = record
    const isRecovering = record.isAutomatic && recovery !== null && recoverable !== null
    if (record.isAutomatic && !isRecovering) throw badRequest(`the "${record.type}" seal unseals without keys: when it cannot, mend the seal and restart`)
    if (this.#nonce === '') this.#nonce = randomUUID()
    this.#progress.add(share)
    if (this.#progress.count < (isRecovering ? recovery : record).threshold) return
    this.#nonce = ''
    await this.#progress.spend(async (shares) => {
      const key = combineKey(shares)
      const rootKey = key === null ? null : isRecovering ? openByRecovery(key, recoverable) : await shamirSeal(key).unwrap(record.wrapped)
      key?.fill(0)
      if (rootKey === null) throw badRequest('Unseal failed, invalid key')
      await this.#barrier.unseal(rootKey).finally(() => rootKey.fill(0))
    })
  }

  #forget(): void {
    this.#progress.reset()
    this.#nonce = ''
  }

  #statusOf(record: SealRecord | null): SealStatus {
    const shared = record?.recovery ?? record
    return {
      type: record?.type ?? this.#defaultType,
      initialized: record !== null,
      sealed: this.#barrier.isSealed,
      t: shared?.threshold ?? 0,
      n: shared?.shares ?? 0,
      progress: this.#progress.count,
      nonce: this.#nonce,
      migration: false,
      recovery_seal: record?.isAutomatic ?? this.#defaultType !== shamirType,
    }
  }
}
