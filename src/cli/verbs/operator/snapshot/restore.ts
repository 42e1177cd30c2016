/** `operator snapshot restore`: everything as it was. */
import { createReadStream } from 'node:fs'
import { defineCommand } from '../../../command.ts'
import { step } from '../../../describe-failure.ts'
import { bool } from '../../../flags.ts'
import { readSnapshotFile } from '../../../operator/snapshot-file.ts'

const define = (name: string) => defineCommand({
  name,
  summary: 'Replace everything in the server by a snapshot',
  arguments: 'FILE',
  args: { min: 1, max: 1 },
  completes: 'file',
  description:
    'What was written since the snapshot is gone afterwards; what was revoked or deleted since then is back. It is done at once, or not at all. The server ' +
    'refuses a snapshot of another cluster, and one from before its unseal keys were replaced, unless -force is given; then it may be sealed ' +
    'afterwards, and the keys of the snapshot unseal it.',
  examples: [['', `${name} coffer-2026-01-31.snap`], ['Into a new server:', `${name} -force coffer-2026-01-31.snap`]],
  flags: { force: bool('Also a snapshot of another cluster, or of other unseal keys.') },
  async run({ args, flags, print, api }) {
    const file = args[0] as string
    const { manifest, summary } = await readSnapshotFile(file)
    await step('Error restoring the snapshot', async () => (await api()).upload(`sys/storage/raft/snapshot${flags.force ? '-force' : ''}`, createReadStream(file)))
    print.line(`Success! Restored ${summary.entries} entries as of ${manifest.created}`)
  },
})

export const command = define('operator snapshot restore')
export const raftCommand = define('operator raft snapshot restore')
