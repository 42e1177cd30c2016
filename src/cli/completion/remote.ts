/** Candidates that only the server knows: mounts, policies, paths. Asks quickly or not at all: a shell waits for it. */
import { isExactObject } from '../../../client/src/exact-json.ts'
import type { Api } from '../api.ts'
import type { Completion } from '../command.ts'
import { addressFor, connect, type HttpValues } from '../connect.ts'
import { parseFlags } from '../flags.ts'
import { httpFlags } from '../global-flags.ts'
import type { Host } from '../host.ts'
import { readVariable } from '../../../client/src/node/environment.ts'
import { findToken } from '../saved-token.ts'
import { listedKeys } from '../secret.ts'
import { locate } from '../verbs/kv/place.ts'

export interface KvContext {
  readonly kv: boolean
  readonly mount: string | undefined
}

/** Nothing when the server cannot be asked. */
export async function remoteCandidates(kind: Completion, typed: string, context: KvContext, host: Host): Promise<readonly string[]> {
  try {
    const values = parseFlags(httpFlags, [], (name) => readVariable(host.environment, name)).values as unknown as HttpValues
    const api = await connect(host, values, await findToken(host, addressFor(values)))
    return await candidates(api, kind, typed, context)
  } catch {
    return [] // No server, no token, no right: then there is nothing to offer.
  }
}

async function candidates(api: Api, kind: Completion, typed: string, context: KvContext): Promise<readonly string[]> {
  const matching = (all: readonly string[]): readonly string[] => all.filter((name) => name.startsWith(typed)).toSorted()
  if (kind === 'policy') return matching((listedKeys(await api.list('sys/policies/acl')) ?? []).map(String))
  if (kind === 'namespace') return matching((listedKeys(await api.list('sys/namespaces')) ?? []).map(String))
  if (kind === 'auth-mount') return matching(await mountNames(api, 'auth'))
  const slash = typed.lastIndexOf('/')
  if (kind === 'mount' || (slash < 0 && context.mount === undefined)) return matching(await mountNames(api, 'secret'))
  const folder = typed.slice(0, slash + 1)
  const path = context.kv ? (await locate(api, folder, context.mount)).path('metadata') : folder
  return matching((listedKeys(await api.list(path)) ?? []).map((name) => folder + String(name)))
}

/** Of those mounts that the token may see. */
async function mountNames(api: Api, kind: 'secret' | 'auth'): Promise<string[]> {
  const mounts = (await api.read('sys/internal/ui/mounts'))?.data?.[kind]
  return isExactObject(mounts) ? Object.keys(mounts) : []
}
