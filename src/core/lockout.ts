/** Users who failed to log in too often are locked out for a while. Counted by the canonical name, so that no spelling gets a second counter (CVE-2025-6004). */
import { Conflict } from '../kit/errors.ts'
import { records } from '../kit/records.ts'
import { opaqueStore, type Base } from './base.ts'
import type { Mount, MountTable } from './mounts/table.ts'
import { keyedHash } from './tokens/ids.ts'
import { withUnit } from './unit.ts'

export interface LockoutRecord {
  readonly mountAccessor: string
  readonly name: string
  readonly failures: number
  /** Milliseconds since 1970. */
  readonly lastFailureAt: number
}

export interface LockoutConfig {
  readonly threshold: number
  /** Seconds. */
  readonly duration: number
  readonly counterReset: number
}

const lockouts = records<LockoutRecord, [hash: string]>((hash) => `lockout/${hash}`)
const lockableTypes = new Set(['userpass', 'approle', 'ldap'])

/** Null: this mount locks nobody out. */
export function lockoutConfigOf(mount: Mount): LockoutConfig | null {
  const config = mount.record.config.user_lockout_config
  if (!lockableTypes.has(mount.record.type) || config?.lockout_disable === true) return null
  return { threshold: config?.lockout_threshold ?? 5, duration: config?.lockout_duration ?? 900, counterReset: config?.lockout_counter_reset ?? 900 }
}

const hashOf = (base: Base, accessor: string, name: string): string => keyedHash(base.barrier.subkey('lockout'), `${accessor}\n${name}`).slice(0, 40)

/** Within so many seconds of now, before or after: a clock that was set back by years locks nobody out for years. */
const isWithin = (base: Base, { lastFailureAt }: LockoutRecord, seconds: number): boolean => Math.abs(base.host.now() - lastFailureAt) < seconds * 1000

export const isLocked = (base: Base, record: LockoutRecord, config: LockoutConfig): boolean =>
  record.failures >= config.threshold && isWithin(base, record, config.duration)

/** `failed`: there are failures on record, but not too many. */
export async function findLockout(base: Base, mount: Mount, name: string, config: LockoutConfig): Promise<'none' | 'failed' | 'locked'> {
  const record = await lockouts.read(opaqueStore(base), hashOf(base, mount.record.accessor, name))
  if (record === null) return 'none'
  return isLocked(base, record, config) ? 'locked' : 'failed'
}

/** One more failure. Old ones count no more after the reset time, nor those of a lockout that is over. */
export async function noteFailure(base: Base, mount: Mount, name: string, config: LockoutConfig): Promise<void> {
  const hash = hashOf(base, mount.record.accessor, name)
  const now = base.host.now()
  await opaqueStore(base).commit([], [{
    merge: lockouts.key(hash),
    by(current) {
      const before = current === null ? null : lockouts.decode({ value: current, version: 0 })
      const isOver = before === null || !isWithin(base, before, config.counterReset) || (before.failures >= config.threshold && !isLocked(base, before, config))
      return lockouts.encode({ mountAccessor: mount.record.accessor, name, failures: isOver ? 1 : before.failures + 1, lastFailureAt: now })
    },
  }])
}

/** After a success, and when somebody unlocks the user. */
export async function forgetFailures(base: Base, accessor: string, name: string): Promise<void> {
  await withUnit(async (unit) => {
    const opaque = unit.on(opaqueStore(base))
    const hash = hashOf(base, accessor, name)
    if ((await lockouts.read(opaque, hash)) !== null) lockouts.remove(opaque, hash)
  })
}

/** Everybody with failures on record. */
export async function listFailures(base: Base): Promise<LockoutRecord[]> {
  const store = opaqueStore(base)
  const found: LockoutRecord[] = []
  for (const hash of await store.list('lockout/')) {
    const record = await lockouts.read(store, hash)
    if (record !== null) found.push(record)
  }
  return found
}

const pieceMax = 256

/**
 * Removes what counts no more: anybody can fail to log in under any name, and must not fill the store with it. In pieces; a failure that is
 * noted meanwhile stays.
 */
export async function forgetStaleFailures(core: Base & { readonly mounts: MountTable }): Promise<number> {
  const store = opaqueStore(core)
  let count = 0
  for (let after = '', names = []; ; after = names.at(-1) ?? '') {
    names = await store.list('lockout/', { after, limit: pieceMax })
    for (const hash of names) if (await forgetStale(core, hash)) count += 1
    if (names.length < pieceMax) return count
  }
}

async function forgetStale(base: Base & { readonly mounts: MountTable }, hash: string): Promise<boolean> {
  const store = opaqueStore(base)
  const entry = await store.get(lockouts.key(hash))
  if (entry === null) return false
  const record = lockouts.decode(entry)
  const mount = await base.mounts.byAccessor(record.mountAccessor)
  const config = mount === null ? null : lockoutConfigOf(mount)
  if (config && (isWithin(base, record, config.counterReset) || isLocked(base, record, config))) return false
  try {
    await store.commit([{ key: lockouts.key(hash), version: entry.version }], [{ del: lockouts.key(hash) }])
    return true
  } catch (error) {
    if (error instanceof Conflict) return false
    throw error
  }
}
