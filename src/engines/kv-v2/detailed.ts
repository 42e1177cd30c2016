/** OpenBao's lists with the settings and versions of every secret beside its name. */
import { text } from '../../kit/fields.ts'
import { path } from '../../kit/operation.ts'
import { listed, type Data } from '../../kit/result.ts'
import type { Transaction } from '../../kit/store.ts'
import { folderOf, listPage, pageFields, scanPage } from '../walk.ts'
import { readMount, secrets, secretsFolder } from './records.ts'
import { showSecret } from './show.ts'

const detailedPath = path('detailed-metadata/{path*}', { path: text('The folder to list.') })

/** Folders have nothing to show. */
async function details(store: Transaction, folder: string, keys: readonly string[]): Promise<Data> {
  const shown: [string, Data][] = []
  for (const key of keys) {
    const secret = key.endsWith('/') ? null : await secrets.read(store, folder + key)
    shown.push([key, secret === null ? {} : showSecret(secret)])
  }
  return Object.fromEntries(shown)
}

export const listDetailed = detailedPath.list({
  summary: 'List secrets and folders with the metadata of each secret.',
  input: pageFields,
  async handle({ params, input, store }) {
    await readMount(store)
    const folder = folderOf(params.path)
    const keys = await listPage(store, secretsFolder + folder, input)
    return listed(keys, await details(store, folder, keys))
  },
})

export const scanDetailed = detailedPath.scan({
  summary: 'List all secrets below a folder, at any depth, with the metadata of each.',
  input: pageFields,
  async handle({ params, input, store }) {
    await readMount(store)
    const folder = folderOf(params.path)
    const keys = await scanPage(store, secretsFolder + folder, input)
    return listed(keys, await details(store, folder, keys))
  },
})
