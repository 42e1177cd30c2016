/** Revokes what has expired: reads the head of the time-ordered index, in pieces, and nothing else. */
import { opaqueStore } from '../base.ts'
import type { Core } from '../core.ts'
import { forgetStaleFailures } from '../lockout.ts'
import { findTokenByHash } from '../tokens/find.ts'
import { expireToken, resumeRevocations } from '../tokens/revoke.ts'
import { Lanes } from './lanes.ts'
import { Pacer } from './pace.ts'
import { expiryPrefix, leaseRecords, parseExpiryName, parseLeaseReference, type ExpiryEntry } from './record.ts'
import { laneOf, revokeLease } from './revoke.ts'

interface Sizes {
  /** Of a page of the index. */
  readonly piece: number
  /** Entries that one pass looks at: the next one goes on where it stopped. */
  readonly lookedAt: number
  /** Of them such as find their lane full: each costs a read the first time, and is met again. */
  readonly refused: number
}
const usual: Sizes = { piece: 256, lookedAt: 5_000, refused: 768 }
/** Of all three, where requests need all of the process: to look about costs as much as to revoke. */
const shareWhenPressed = 1 / 8
/** Of how many the lane is remembered. */
const rememberedMax = 20_000

/**
 * Tokens that have expired are removed as they are met; leases of secrets go to a lane of their mount and backend, so that one that hangs or fails
 * stops nothing but its own. An entry that lies (the record says otherwise) is dropped; one whose revocation could not even be noted stays for the next pass.
 */
export class Sweeper {
  readonly #core: Core
  readonly #sizes: Sizes
  readonly #pacer: Pacer
  readonly #lanes: Lanes
  /** The lanes of those that found theirs full: until there is room in it they cost nothing more. */
  readonly #refused = new Map<string, string>()
  #after = ''
  /** Whether the last pass left something for the next one. */
  isBehind = false

  constructor(core: Core, sizes: Sizes = usual) {
    this.#core = core
    this.#sizes = sizes
    this.#pacer = new Pacer(core.host)
    this.#lanes = new Lanes(() => this.#pacer.turn())
  }

  /** Looks at what is due, and starts what is to be done for it. Resolves with the number of entries. */
  async pass(): Promise<number> {
    this.isBehind = false
    const share = this.isPressed ? shareWhenPressed : 1
    const [piece, lookedAt, refusedMost] = [this.#sizes.piece, this.#sizes.lookedAt, this.#sizes.refused].map((size) => Math.ceil(size * share)) as [number, number, number]
    for (let [count, refused] = [0, 0]; ; ) {
      const names = await opaqueStore(this.#core).list(expiryPrefix, { after: this.#after, limit: piece })
      for (const name of names) {
        const entry = parseExpiryName(name)
        if (entry.dueAt > this.#core.host.now()) return this.#endAt('', count)
        count += 1
        if (this.#lanes.has(name) || this.#isStillRefused(name)) continue
        if (!(await this.#take(name, entry))) refused += 1
      }
      if (names.length < piece) return this.#endAt('', count)
      this.#after = names.at(-1) as string
      if (count >= lookedAt || refused >= refusedMost) return this.#endAt(this.#after, count)
    }
  }

  /** Requests need all of the process. */
  get isPressed(): boolean {
    return this.#pacer.isPressed
  }

  #endAt(after: string, count: number): number {
    this.#after = after
    this.isBehind ||= after !== ''
    return count
  }

  /** Resolves when nothing that was started is under way any more. */
  settle(): Promise<void> {
    return this.#lanes.settle()
  }

  /** False: its lane is full. */
  async #take(name: string, { kind, reference }: ExpiryEntry): Promise<boolean> {
    if (kind === 'token') return await this.#done(name, () => this.#expireToken(reference))
    const place = parseLeaseReference(reference)
    const lease = await leaseRecords.read(opaqueStore(this.#core), place.folder, place.suffix)
    const isDue = lease !== null && lease.secret !== null && lease.secret.expiresAt <= this.#core.host.now()
    if (!isDue) return await this.#done(name, async () => undefined)
    // Whatever comes of it moves the entry, or takes it out, in the same commit.
    const lane = await laneOf(this.#core, lease.secret)
    const isTaken = this.#lanes.add(lane, name, () => this.#attempt(() => revokeLease(this.#core, place)))
    if (!isTaken) this.#remember(name, lane)
    this.isBehind ||= !isTaken
    return isTaken
  }

  #remember(name: string, lane: string): void {
    if (this.#refused.size >= rememberedMax) this.#refused.clear()
    this.#refused.set(name, lane)
  }

  #isStillRefused(name: string): boolean {
    const lane = this.#refused.get(name)
    if (lane === undefined) return false
    const isFull = this.#lanes.isFull(lane)
    if (isFull) this.isBehind = true
    else this.#refused.delete(name)
    return isFull
  }

  /** A token that was renewed meanwhile has an entry at a later time. The leases of one that was not are due now. */
  async #expireToken(hash: string): Promise<void> {
    if ((await findTokenByHash(this.#core, hash)) !== null) return
    await expireToken(this.#core, hash)
    this.isBehind = true
  }

  async #done(name: string, work: () => Promise<void>): Promise<true> {
    await this.#pacer.turn()
    await this.#attempt(async () => {
      await work()
      await opaqueStore(this.#core).commit([], [{ del: expiryPrefix + name }])
    })
    return true
  }

  async #attempt(work: () => Promise<unknown>): Promise<void> {
    try {
      await work()
    } catch (error) {
      if (!this.#core.barrier.isSealed) logFailure(this.#core, error)
    }
  }
}

/** Deals with everything that is due by now, and waits for it; returns how many entries there were. */
export async function sweepExpired(core: Core): Promise<number> {
  const sweeper = new Sweeper(core)
  let count = 0
  do {
    count += await sweeper.pass()
    await sweeper.settle()
  } while (sweeper.isBehind)
  return count
}

const logFailure = (core: Core, error: unknown): void =>
  core.host.log('error', 'expiration', 'failed to revoke what has expired', { error: error instanceof Error ? error.message : 'unknown' })

/** Sweeps about once a second, or sooner while there is more to do, until stopped. Only one process of a cluster does: see the supervisor. */
export function startSweeper(core: Core, everyMs = 1000): () => Promise<void> {
  const sweeper = new Sweeper(core)
  let turns = 0
  let stopped = false
  let cancel = (): void => undefined
  let running: Promise<void> = Promise.resolve()
  const turn = (): void => {
    running = sweepOnce(core, sweeper, (turns += 1)).finally(() => {
      if (!stopped) cancel = core.host.later(sweeper.isBehind && !sweeper.isPressed ? everyMs / 4 : everyMs, turn)
    })
  }
  cancel = core.host.later(everyMs, turn)
  return async () => {
    stopped = true
    cancel()
    await running
  }
}

/** Passes between two looks at failed logins, which are no hurry. */
const passesPerTidying = 600

async function sweepOnce(core: Core, sweeper: Sweeper, turn: number): Promise<void> {
  if (core.barrier.isSealed) return
  try {
    await resumeRevocations(core)
    await sweeper.pass()
    if (turn % passesPerTidying === 0) await forgetStaleFailures(core)
  } catch (error) {
    if (!core.barrier.isSealed) logFailure(core, error)
  }
}
