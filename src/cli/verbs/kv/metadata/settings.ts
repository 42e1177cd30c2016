/** Settings of a versioned secret: the flags that `put` and `patch` share, and what they become on the wire. */
import { formatDuration } from '../../../duration.ts'
import { choiceOfBool, duration, integer, map, type FlagValues } from '../../../flags.ts'
import { mountFlag } from '../place.ts'

export const settingFlags = {
  mount: mountFlag,
  'max-versions': integer('How many versions to keep. Default: as the engine is configured.'),
  'cas-required': choiceOfBool('Whether every write must name the current version.'),
  'delete-version-after': duration('After what time a version is deleted by itself.'),
  'custom-metadata': map('A note, key=value. May be given several times.'),
}

/** Only what was given. */
export function settingsBody(flags: Omit<FlagValues<typeof settingFlags>, 'mount'>): Record<string, unknown> {
  const { 'max-versions': versions, 'delete-version-after': after, 'cas-required': cas } = flags
  return {
    ...(versions === undefined || versions < 0 ? {} : { max_versions: versions }),
    ...(after === undefined || after < 0 ? {} : { delete_version_after: formatDuration(after) }),
    ...(cas === undefined ? {} : { cas_required: cas }),
  }
}
