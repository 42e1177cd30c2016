/** Counts failed logins, and refuses users who are locked out before their password is even looked at. */
import type { Core } from '../core/core.ts'
import { findLockout, forgetFailures, lockoutConfigOf, noteFailure } from '../core/lockout.ts'
import { ApiError, permissionDenied } from '../kit/errors.ts'
import { askAhead, type Resolved } from './input.ts'
import type { WireRequest } from './wire.ts'

/** Throws when the user was locked out while the password was looked at: guesses that are sent all at once are worth no more than others. */
export type StillOpen = () => Promise<void>

const alwaysOpen: StillOpen = async () => undefined

/** Runs `work`, the login, unless the user is locked out. It must ask `StillOpen` before it lets anybody in. Operations that are no logins just run. */
export async function asCounted<T>(core: Core, wire: WireRequest, target: Resolved, work: (stillOpen: StillOpen) => Promise<T>): Promise<T> {
  const config = target.operation.lockoutName === null ? null : lockoutConfigOf(target.mount)
  const name = config === null ? null : await askAhead(core, wire, target, target.operation.lockoutName)
  if (config === null || name === null) return await work(alwaysOpen)
  const look = async (): Promise<'none' | 'failed'> => {
    const found = await findLockout(core, target.mount, name, config)
    if (found === 'locked') throw permissionDenied({ detail: 'the user is locked out' })
    return found
  }
  const before = await look()
  try {
    const result = await work(async () => void (await look()))
    // The login is done, whatever becomes of the count.
    if (before === 'failed') await forgetFailures(core, target.mount.record.accessor, name).catch(() => core.host.log('warn', 'request', 'the failed logins of a user could not be forgotten'))
    return result
  } catch (error) {
    if (!(error instanceof ApiError) || error.code !== 'invalid_credentials') throw error
    await look()
    await noteFailure(core, target.mount, name, config)
    throw error
  }
}
