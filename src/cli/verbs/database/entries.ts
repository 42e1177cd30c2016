/** What a mount has below a folder, each read: one question for the names and one for each of them, a few at a time. */
import type { ExactObject } from '../../../../client/src/exact-json.ts'
import type { Api } from '../../api.ts'
import { step } from '../../describe-failure.ts'
import { listedKeys } from '../../secret.ts'

export interface Entry {
  readonly name: string
  readonly data: ExactObject
}

const atATime = 8
export const mountUsual = 'database'
export const mountOf = (argument: string | undefined): string => (argument ?? mountUsual).trim().replaceAll(/^\/+|\/+$/g, '')

/** Folders in the list are gone into. */
export async function readEntries(api: Api, mount: string, folder: string): Promise<readonly Entry[]> {
  const names = await namesBelow(api, `${mount}/${folder}`)
  const entries: Entry[] = []
  for (let at = 0; at < names.length; at += atATime) {
    const some = names.slice(at, at + atATime)
    const answers = await Promise.all(some.map((name) => step(`Error reading ${mount}/${folder}/${name}`, () => api.read(`${mount}/${folder}/${name}`))))
    // One that was deleted meanwhile is none.
    entries.push(...some.flatMap((name, i) => (answers[i]?.data == null ? [] : [{ name, data: answers[i].data }])))
  }
  return entries
}

async function namesBelow(api: Api, path: string): Promise<readonly string[]> {
  const keys = listedKeys(await step(`Error listing ${path}`, () => api.list(path))) ?? []
  const found: string[] = []
  for (const key of keys.map(String)) {
    if (!key.endsWith('/')) found.push(key)
    else for (const name of await namesBelow(api, `${path}/${key.slice(0, -1)}`)) found.push(key + name)
  }
  return found
}
