/** `operator snapshot save`: everything that the server stores, in one file. */
import { defineCommand } from '../../../command.ts'
import { remoteError } from '../../../failure.ts'
import { step } from '../../../describe-failure.ts'
import { saveSnapshot } from '../../../operator/snapshot-file.ts'

const define = (name: string) => defineCommand({
  name,
  summary: 'Save everything that the server stores in a file',
  arguments: 'FILE',
  args: { min: 1, max: 1 },
  completes: 'file',
  description:
    'The server goes on meanwhile; the file holds the state at one commit. All values and names in it are sealed: it is worth nothing without the ' +
    'unseal keys (or the key file) of the time when it was made, so keep these, and keep them elsewhere.',
  examples: [['', `${name} coffer-2026-01-31.snap`]],
  flags: {},
  async run({ args, print, api }) {
    const file = args[0] as string
    const answer = await step('Error taking the snapshot', async () => (await api()).stream('sys/storage/raft/snapshot'))
    if (answer.status !== 200) throw remoteError(`Error taking the snapshot: the server answers ${answer.status}: ${await textOf(answer.chunks)}`)
    const { manifest, summary } = await saveSnapshot(file, answer.chunks)
    print.line(`Success! Saved ${summary.entries} entries as of commit ${manifest.commit} to: ${file}`)
  },
})

async function textOf(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = []
  for await (const chunk of chunks) parts.push(chunk)
  return Buffer.concat(parts).toString().trim().slice(0, 500)
}

export const command = define('operator snapshot save')
export const raftCommand = define('operator raft snapshot save')
