/** What the API shows of secrets and versions: Vault's names, times and durations. */
import { formatDuration } from '../../kit/duration.ts'
import { encodeJson, JsonText } from '../../kit/json.ts'
import { reply, type Data, type Result } from '../../kit/result.ts'
import { formatTime } from '../../kit/time.ts'
import type { SecretRecord, VersionRecord } from './secret.ts'

const showTime = (at: number | null): string => (at === null ? '' : formatTime(at))

/** A version, as a write answers it. */
export const showVersion = (secret: SecretRecord, version: VersionRecord) => ({
  created_time: formatTime(version.createdAt),
  custom_metadata: secret.custom,
  deletion_time: showTime(version.deletedAt),
  destroyed: version.state === 'destroyed',
  version: version.number,
})

const written = new WeakMap<SecretRecord, Map<number, JsonText>>()

/** The same, written out once for as long as the record of the secret is: a read that is repeated formats nothing. */
export function writtenVersion(secret: SecretRecord, version: VersionRecord): JsonText {
  let known = written.get(secret)
  if (known === undefined) written.set(secret, (known = new Map()))
  let made = known.get(version.number)
  if (made === undefined) known.set(version.number, (made = new JsonText(encodeJson(showVersion(secret, version)))))
  return made
}

/** Vault answers a patch of what is not there without any body. */
export const nothingToPatch: Result = reply({ status: 404, raw: { contentType: 'application/json', body: '' } })

/** A secret without its data. */
export function showSecret(secret: SecretRecord): Data {
  const versions = secret.versions.map((version) => [
    String(version.number),
    {
      created_time: formatTime(version.createdAt),
      deletion_time: showTime(version.deletedAt),
      destroyed: version.state === 'destroyed',
    },
  ])
  return {
    cas_required: secret.casRequired,
    created_time: formatTime(secret.createdAt),
    current_metadata_version: secret.revision,
    current_version: secret.current,
    custom_metadata: secret.custom,
    delete_version_after: formatDuration(secret.deleteAfterSeconds),
    max_versions: secret.maxVersions,
    metadata_cas_required: secret.metadataCasRequired,
    oldest_version: secret.oldest,
    updated_time: formatTime(secret.updatedAt),
    versions: Object.fromEntries(versions) as Data,
  }
}
