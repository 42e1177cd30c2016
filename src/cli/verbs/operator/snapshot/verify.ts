/** `operator snapshot verify`: whether a file is whole, and whether it is what the server made. */
import { defineCommand } from '../../../command.ts'
import { step } from '../../../describe-failure.ts'
import { remoteError } from '../../../failure.ts'
import { bool } from '../../../flags.ts'
import { readSnapshotFile } from '../../../operator/snapshot-file.ts'

export const command = defineCommand({
  name: 'operator snapshot verify',
  summary: 'Check that a snapshot is whole and unchanged',
  arguments: 'FILE',
  args: { min: 1, max: 1 },
  completes: 'file',
  description:
    'Reads all of the file and checks it against its hashes: a file that was cut off or damaged is found so. Somebody who changes it on purpose can make ' +
    'the hashes fit; only a server with the keys of the snapshot finds that, so one is asked unless -offline is given. Exit code 2: not as it should be.',
  examples: [['Also with the keys of the server:', 'operator snapshot verify coffer.snap'], ['Without a server:', 'operator snapshot verify -offline coffer.snap']],
  flags: { offline: bool('Check the hashes only.') },
  async run({ args, flags, print, api }) {
    const { manifest, summary, digest, mac } = await readSnapshotFile(args[0] as string)
    if (flags.offline) return print.line(`whole: ${summary.entries} entries as of commit ${manifest.commit}. Whether somebody changed it on purpose was not checked.`)
    const asked = { digest: digest.toString('hex'), seal: mac.toString('hex'), key_fingerprint: manifest.key_fingerprint }
    const answer = await step('Error asking the server', async () => (await api()).write('sys/storage/raft/snapshot-verify', asked))
    if (answer?.data?.['of_this_cluster'] !== true) throw remoteError(`whole, but of another cluster (${manifest.cluster_id}): its own server can tell whether it was changed`)
    if (answer.data['authentic'] !== true) throw remoteError('NOT INTACT: it was changed after this server made it')
    print.line(`intact: ${summary.entries} entries as of commit ${manifest.commit}, made by this cluster and unchanged since`)
  },
})
