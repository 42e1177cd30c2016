/** Where a secret is: which mount, which version of the engine, and so which path of the API. */
import { parseSecret, objectOf, textOf } from '../../secret.ts'
import type { Api } from '../../api.ts'
import { describeError } from '../../describe-failure.ts'
import { ClientError } from '../../../../client/src/errors.ts'
import { remoteError } from '../../failure.ts'
import { text } from '../../flags.ts'
import { joinPath, trimPath } from '../../paths.ts'

export const mountFlag = text(
  'Where the engine is mounted; the argument is then the name of the secret. Without it, the argument begins with the mount: secret/hello.',
)

export interface KvPlace {
  readonly isV2: boolean
  /** With -mount, or as the server says; without slashes around. */
  readonly mount: string
  /** Below the mount. */
  readonly name: string
  /** The path of the API: `kind` (`data`, `metadata`, ...) counts for version 2 only. */
  path(kind: KvKind): string
}

export type KvKind = 'data' | 'metadata' | 'delete' | 'undelete' | 'destroy'

/** Asks the server which mount a path belongs to. Throws `Failure` (2) when it refuses. */
export async function locate(api: Api, path: string, mountOption: string | undefined): Promise<KvPlace> {
  const wanted = trimPath(path)
  const given = mountOption === undefined || mountOption === '' ? null : trimPath(mountOption)
  const found = await findMount(api, given ?? wanted)
  const mount = given ?? commonMount(found.mount, wanted)
  const name = given === null ? trimPath(wanted.slice(mount.length)) : wanted
  const pathOf = (kind: KvKind): string => (found.isV2 ? joinPath(mount, kind, name) : given === null ? wanted : joinPath(mount, name))
  return { isV2: found.isV2, mount, name, path: pathOf }
}

/** The mount as the path spells it: the server may put namespaces in front that the path leaves out. */
function commonMount(mount: string, path: string): string {
  for (let rest = trimPath(mount); rest !== ''; rest = rest.slice(rest.indexOf('/') + 1)) {
    if (path === rest || path.startsWith(`${rest}/`)) return rest
    if (!rest.includes('/')) break
  }
  return trimPath(mount)
}

async function findMount(api: Api, path: string): Promise<{ mount: string; isV2: boolean }> {
  const answer = await ask(api, `sys/internal/ui/mounts/${path}`)
  // An old server does not know the question; what it has is version 1.
  if (answer === null) return { mount: '', isV2: false }
  const data = parseSecret(answer)?.data
  return { mount: trimPath(textOf(data?.['path'])), isV2: textOf(objectOf(data?.['options'])?.['version']) === '2' }
}

async function ask(api: Api, path: string): Promise<string | null> {
  try {
    return (await api.sendOk('GET', path, { preflight: true })).text
  } catch (error) {
    if (!(error instanceof ClientError)) throw error
    if (error.status === 404) return null
    throw remoteError(describeError(error))
  }
}
