/** Settings of a whole mount. */
import { formatDuration } from '../../kit/duration.ts'
import { signedDuration, flag, integer, optional } from '../../kit/fields.ts'
import { path } from '../../kit/operation.ts'
import { mounts, readMount } from './records.ts'
import { checkMaxVersions } from './rules.ts'

const configPath = path('config')

export const readConfig = configPath.read({
  summary: 'Read the settings that hold for all secrets of the mount.',
  async handle({ store }) {
    const mount = await readMount(store)
    return {
      cas_required: mount.casRequired,
      delete_version_after: formatDuration(mount.deleteAfterSeconds),
      max_versions: mount.maxVersions,
      metadata_cas_required: mount.metadataCasRequired,
    }
  },
})

export const writeConfig = configPath.write({
  summary: 'Set settings that hold for all secrets of the mount; those that are not named stay as they are.',
  input: {
    max_versions: optional(integer('How many versions of each secret are kept; 0 for 10.')),
    cas_required: optional(flag('Whether every write of data must carry `options.cas`.')),
    metadata_cas_required: optional(flag('Whether every write of metadata must carry `metadata_cas`.')),
    delete_version_after: optional(signedDuration('How long versions live; 0 for ever, negative for ever whatever the secret says.')),
  },
  async handle({ input, store, warn }) {
    const before = await readMount(store)
    const tooMany = input.max_versions === undefined ? null : checkMaxVersions(input.max_versions)
    if (tooMany !== null) warn(tooMany)
    if (Object.keys(input).length === 0) return null
    mounts.write(store, {
      ...before,
      ...(input.max_versions !== undefined && { maxVersions: input.max_versions }),
      ...(input.cas_required !== undefined && { casRequired: input.cas_required }),
      ...(input.metadata_cas_required !== undefined && { metadataCasRequired: input.metadata_cas_required }),
      // Vault keeps no other negative lifetime, and shows this one as -1s.
      ...(input.delete_version_after !== undefined && { deleteAfterSeconds: Math.max(input.delete_version_after, -1) }),
    })
    return null
  },
})
