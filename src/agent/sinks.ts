/** Where the token goes: files, for whoever may read them. */
import { readFileSync } from 'node:fs'
import type { Client } from '../../client/src/client.ts'
import type { Granted } from './auth/methods.ts'
import type { SinkSettings } from './config/settings.ts'
import { writeWhole } from './files.ts'
import { parsePublicKey, sealToken } from './sealed-token.ts'

/** Throws what the server or the file system says. */
export async function fillSinks(client: Client, sinks: readonly SinkSettings[], granted: Granted): Promise<void> {
  for (const { path, mode, wrapTtlSeconds, sealing } of sinks) {
    const token = wrapTtlSeconds > 0 && !granted.wrapped ? await wrap(client, granted.clientToken, wrapTtlSeconds) : granted.clientToken
    const content = sealing === null ? token : sealToken(token, { ...sealing, theirPublic: parsePublicKey(readKey(sealing.publicKeyFile)) })
    writeWhole({ path, content, mode })
  }
}

function readKey(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new Error(`dh_path: ${path} cannot be read: ${(error as NodeJS.ErrnoException).code ?? 'unknown'}`)
  }
}

/** As Vault's agent writes it: what a wrapping of the token answers, as JSON. */
async function wrap(client: Client, token: string, seconds: number): Promise<string> {
  const secret = await client.write('sys/wrapping/wrap', { token }, { token, wrapTtl: seconds })
  const info = secret?.wrapInfo
  if (!info) throw new Error('the token could not be wrapped')
  return JSON.stringify({ token: info.token, accessor: info.accessor, ttl: info.ttl, creation_time: info.creationTime, creation_path: info.creationPath, wrapped_accessor: info.wrappedAccessor })
}
