/** What is shown of rotations. */
import type { Data } from '../result.ts'
import { formatTime } from '../time.ts'
import type { Rotation, Schedule, Successor } from './record.ts'

const shownTime = (ms: number): string | null => (ms === 0 ? null : formatTime(ms))

/** When the last one was and how it went, and when the next one is. Nothing where none ever was, nor is to be. */
export function rotationShown(rotation: Rotation, schedule: Schedule | null, successor: Successor<unknown> | null): Data {
  const { lastAt, nextAt, failure, failures } = rotation
  if (schedule === null && lastAt === 0 && failure === '' && successor === null) return {}
  return {
    ...scheduleShown(schedule),
    last_vault_rotation: shownTime(lastAt),
    next_vault_rotation: shownTime(nextAt),
    rotation_state: successor === null ? (failure === '' ? 'settled' : 'failing') : 'open',
    ...(failure === '' ? {} : { last_rotation_error: failure, failed_rotations: failures }),
  }
}

export function scheduleShown(schedule: Schedule | null): Data {
  if (schedule === null) return {}
  const { periodSeconds, cron, windowSeconds } = schedule
  return cron === '' ? { rotation_period: periodSeconds } : { rotation_schedule: cron, ...(windowSeconds > 0 ? { rotation_window: windowSeconds } : {}) }
}
