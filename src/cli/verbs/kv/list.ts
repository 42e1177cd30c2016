/** `kv list PATH`: the names below a path; with -r, all of them. */
import type { Api } from '../../api.ts'
import { defineCommand } from '../../command.ts'
import { step } from '../../describe-failure.ts'
import { remoteError, usageError } from '../../failure.ts'
import { bool } from '../../flags.ts'
import { printListing } from '../../output/printer.ts'
import { joinPath } from '../../paths.ts'
import { listedKeys, mapOf, secretOf } from '../../secret.ts'
import { locate, mountFlag } from './place.ts'

export const command = defineCommand({
  name: 'kv list',
  summary: 'List the names of secrets',
  arguments: 'PATH',
  description: 'Lists what is right below a path; names that end in / have further names below them. With -r, every secret below it.',
  examples: [
    ['Right below the mount:', 'kv list secret/'],
    ['Every secret below a folder:', 'kv list -r -mount=secret team/web'],
  ],
  flags: { mount: mountFlag, recursive: bool('Go down into folders, and list secrets only.', { aliases: ['r'] }) },
  output: ['format', 'detailed'],
  args: { min: 0, max: 1 },
  completes: 'path',
  async run(session) {
    if (session.args.length === 0 && !session.flags.mount) throw usageError('Not enough arguments (expected 1, got 0)')
    const api = await session.api()
    const place = await locate(api, session.args[0] ?? '', session.flags.mount)
    const path = place.path('metadata')
    if (!session.flags.recursive) {
      const secret = await step(`Error listing ${path}`, () => api.list(path))
      if (secret?.data == null && session.print.isTable) throw remoteError(`No value found at ${path}`)
      return printListing(session.print, secret, path)
    }
    const names = await step(`Error listing ${path}`, () => walk(api, path))
    return printListing(session.print, names.length === 0 ? null : secretOf(mapOf([['keys', names]])), path)
  },
})

/** Requests at a time: a tree of many folders is mostly waiting, and no server likes a thousand lists at once. */
const atOnce = 8

/** Every secret below a path, relative to it and sorted. A folder that may not be listed ends the walk: a list with holes would mislead. */
async function walk(api: Api, root: string): Promise<string[]> {
  const found: string[] = []
  const folders = ['']
  while (folders.length > 0) {
    const batch = folders.splice(0, atOnce)
    const listings = await Promise.all(batch.map(async (folder) => listedKeys(await api.list(joinPath(root, folder))) ?? []))
    listings.forEach((keys, i) => {
      for (const key of keys.map(String)) (key.endsWith('/') ? folders : found).push(`${batch[i]}${key}`)
    })
  }
  return found.toSorted()
}
