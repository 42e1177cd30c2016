/** Counts failed logins, and refuses users who are locked out before their password is even looked at. */
import type { Core } from '../core/core.ts'
import { findLockout, forgetFailures, lockoutConfigOf, noteFailure } from '../core/lockout.ts'
import { beginUnit } from '../core/unit.ts'
import { ApiError, permissionDenied } from '../kit/errors.ts'
import { callOf, type Resolved } from './input.ts'
import type { WireRequest } from './wire.ts'

/** Runs `work`, the login, unless the user is locked out. Operations that are no logins just run. */
export async function asCounted<T>(core: Core, wire: WireRequest, target: Resolved, work: () => Promise<T>): Promise<T> {
  const config = target.operation.lockoutName === null ? null : lockoutConfigOf(target.mount)
  const name = config === null ? null : nameOf(core, wire, target)
  if (config === null || name === null) return await work()
  const before = await findLockout(core, target.mount, name, config)
  if (before === 'locked') throw permissionDenied({ detail: 'the user is locked out' })
  try {
    const result = await work()
    if (before === 'failed') await forgetFailures(core, target.mount.record.accessor, name)
    return result
  } catch (error) {
    if (error instanceof ApiError && error.code === 'invalid_credentials') await noteFailure(core, target.mount, name, config)
    throw error
  }
}

function nameOf(core: Core, wire: WireRequest, target: Resolved): string | null {
  try {
    const unit = beginUnit()
    return target.operation.lockoutName?.(callOf(core, wire, target, null, unit, { warnings: [], afterCommit: [] }, null)) ?? null
  } catch {
    return null // Unusable input: the login itself says so, and nothing was guessed.
  }
}
