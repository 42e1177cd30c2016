/** `operator snapshot inspect`: what a file says of itself. */
import { defineCommand } from '../../../command.ts'
import { printSnapshot, readSnapshotFile } from '../../../operator/snapshot-file.ts'

const define = (name: string) => defineCommand({
  name,
  summary: 'Show what a snapshot is of',
  arguments: 'FILE',
  args: { min: 1, max: 1 },
  completes: 'file',
  description: 'Needs no server. All of the file is read, and checked against its hashes.',
  examples: [['', `${name} coffer-2026-01-31.snap`]],
  output: ['format', 'field'],
  remote: false,
  flags: {},
  async run({ args, print }) {
    await printSnapshot(print, await readSnapshotFile(args[0] as string))
  },
})

export const command = define('operator snapshot inspect')
export const raftCommand = define('operator raft snapshot inspect')
