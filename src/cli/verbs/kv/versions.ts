/** The flag of those verbs that name versions. */
import { usageError } from '../../failure.ts'
import { list } from '../../flags.ts'

export const versionsFlag = (what: string) => list(`${what}, as in -versions=1,2. May be given several times.`)

/** All versions named, or null for none. */
export function parseVersions(given: readonly string[] | undefined): readonly string[] | null {
  const versions = (given ?? []).flatMap((text) => text.split(',')).map((text) => text.trim()).filter((text) => text !== '')
  return versions.length === 0 ? null : versions
}

/** Throws `Failure` (1) when none is named. */
export function expectVersions(given: readonly string[] | undefined, verb: string): readonly string[] {
  const versions = parseVersions(given)
  if (versions === null) throw usageError(`No versions provided, use the "-versions" flag to specify the version to ${verb}.`)
  return versions
}
