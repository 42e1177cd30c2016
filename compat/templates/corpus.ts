/** The templates of the corpus, the server that they ask, and what consul-template made of them. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createClient, type Client } from '../../client/src/index.ts'
import { projectRoot } from '../server.ts'

export const folder = join(projectRoot, 'compat/templates')

export const readCorpus = (): Record<string, string[]> => JSON.parse(readFileSync(join(folder, 'corpus.json'), 'utf8')) as Record<string, string[]>

/** The text that came out, or null where it was refused. */
export type Outcomes = Record<string, string | null>
export const readOutcomes = (): Outcomes => JSON.parse(readFileSync(join(folder, 'outcomes.json'), 'utf8')) as Outcomes

export const environment = { GREETING: 'hello', EMPTY: '' } as const

/** `exactNumbers`, as templates want them. */
export const clientOf = (address: string): Client => createClient({ address, token: 'root', exactNumbers: true })

export async function seed(client: Client): Promise<void> {
  const app = '{"data":{"user":"app","password":"s3cret<&>","port":8080,"big":12345678901234567890,"nested":{"b":["x","y"],"a":1},"list":["p","q"]}}'
  await client.request('PUT', 'secret/data/app', { body: app })
  await client.write('secret/data/other', { data: { a: 'b' } })
  await client.write('sys/mounts/old', { type: 'kv' })
  await client.write('old/app', { value: 'v' })
  await client.write('old/db', { value: 'w' })
}
