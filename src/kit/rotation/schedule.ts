/** When something rotates: every so often, or as cron says; and again after a failure. */
import { parseCron } from '../cron.ts'
import { badRequest } from '../errors.ts'
import type { Rotation, Schedule } from './record.ts'

/** As Vault's: more often it could not be looked after. */
const periodLeast = 5
const windowLeast = 3_600
const firstBackoffSeconds = 10
const backoffMaxSeconds = 3_600

export const never: Rotation = Object.freeze({ lastAt: 0, nextAt: 0, failure: '', failures: 0 })

interface Given {
  readonly rotation_period?: number
  readonly rotation_schedule?: string
  readonly rotation_window?: number
}

/** What was given takes the place of what was before; null: nothing at all. Throws `bad_request` with Vault's words. */
export function parseSchedule(given: Given, before: Schedule | null): Schedule | null {
  const { rotation_period: period, rotation_schedule: cron, rotation_window: window } = given
  if ((period ?? 0) > 0 && (cron ?? '') !== '') throw badRequest('mutually exclusive fields rotation_period and rotation_schedule were both specified; only one of them can be provided')
  if (period !== undefined && period < periodLeast && !(period === 0 && (cron ?? '') !== '')) throw badRequest(`rotation_period must be ${periodLeast} seconds or more`)
  if (cron !== undefined && cron !== '') {
    const found = parseCron(cron)
    if (found.after(0) === null) throw badRequest('rotation_schedule never comes')
    if (window !== undefined && window > 0 && window < windowLeast) throw badRequest('rotation_window is invalid: it must be an hour or more')
    return { periodSeconds: 0, cron, windowSeconds: window ?? before?.windowSeconds ?? 0 }
  }
  if (period !== undefined) {
    if ((window ?? 0) > 0) throw badRequest('rotation_window is invalid with use of rotation_period')
    return { periodSeconds: period, cron: '', windowSeconds: 0 }
  }
  if (window !== undefined && before !== null && before.cron !== '') return { ...before, windowSeconds: window }
  return before
}

/** When the next rotation after one at `last` is due. */
export function nextAfter({ periodSeconds, cron }: Schedule, last: number, now: number): number {
  if (cron !== '') return parseCron(cron).after(Math.max(last, now)) ?? 0
  return last + periodSeconds * 1000
}

/** When to try again after a failure: soon, then ever later; with a window only as long as it is open. */
export function retryAfter(schedule: Schedule | null, { failures, nextAt }: Rotation, now: number): number {
  const soon = now + Math.min(firstBackoffSeconds * 2 ** Math.min(failures, 20), backoffMaxSeconds) * 1000
  if (schedule === null || schedule.cron === '' || schedule.windowSeconds === 0) return soon
  const opened = Math.min(nextAt || now, now)
  return soon <= opened + schedule.windowSeconds * 1000 ? soon : nextAfter(schedule, now, now)
}
