/** `sys/storage/raft/snapshot`: all of the store as a file, and back. Named as in Vault, whatever the storage is. */
import { isAuthentic, restoreSnapshot, takeSnapshot } from '../../core/snapshots.ts'
import type { Core } from '../../core/core.ts'
import { badRequest } from '../../kit/errors.ts'
import { defaulted, text } from '../../kit/fields.ts'
import { reply } from '../../kit/result.ts'
import { systemPath, type SystemCall } from '../call.ts'
import { clusterId } from './cluster.ts'

/** Whose body is a file of any size. */
export const isSnapshotUpload = (path: string): boolean => path === 'sys/storage/raft/snapshot' || path === 'sys/storage/raft/snapshot-force'

const snapshot = systemPath('storage/raft/snapshot')

const take = snapshot.read({
  summary: 'Everything in the store at one commit, sealed as it is: a gzipped tar archive.',
  access: 'sudo',
  async handle({ core }) {
    const body = takeSnapshot(core, await clusterId(core))
    return reply({ raw: { contentType: 'application/gzip', body } })
  },
})

const restoring = new WeakSet<Core>()

/** One at a time: each would be undone by the next. */
async function restore({ core, upload }: SystemCall, force: boolean): Promise<null> {
  if (upload === null) throw badRequest('the body must be a snapshot')
  if (restoring.has(core)) throw badRequest('another snapshot is being restored')
  restoring.add(core)
  try {
    await restoreSnapshot(core, upload, force)
    return null
  } finally {
    restoring.delete(core)
  }
}

const put = snapshot.write({
  summary: 'Replace everything by a snapshot of this cluster, made under its present unseal keys.',
  access: 'sudo',
  handle: (call) => restore(call, false),
})

const force = systemPath('storage/raft/snapshot-force').write({
  summary: 'Replace everything by a snapshot, also of another cluster or of other unseal keys. The server may be sealed afterwards.',
  access: 'sudo',
  handle: (call) => restore(call, true),
})

const verify = systemPath('storage/raft/snapshot-verify').write({
  summary: 'Whether this cluster made a snapshot, and nobody has changed it since: by the hash over its parts, and what seals that.',
  input: {
    digest: defaulted(text('SHA-256 of its list of hashes, hex.'), ''),
    seal: defaulted(text('What stands in SHA256SUMS.sealed, hex.'), ''),
    key_fingerprint: defaulted(text('As its manifest says.'), ''),
  },
  handle({ core, input }) {
    for (const name of ['digest', 'seal'] as const) if (!/^[0-9a-f]{64}$/.test(input[name])) throw badRequest(`'${name}' must be 64 hex digits`)
    const authentic = isAuthentic(core, { key_fingerprint: input.key_fingerprint }, Buffer.from(input.digest, 'hex'), Buffer.from(input.seal, 'hex'))
    return { authentic: authentic === true, of_this_cluster: authentic !== null }
  },
})

export const snapshotOperations = [take, put, force, verify]
