/** First stage: what the request is about. Never throws for an unknown place, because whether a place exists is told only to those who may go there. */
import type { Core } from '../core/core.ts'
import type { Mount } from '../core/mounts/table.ts'
import type { Operation, Verb } from '../kit/operation.ts'
import type { Match } from '../kit/route.ts'
import type { WireRequest } from './wire.ts'

export interface Target {
  readonly verb: Verb
  /** Canonical, as routing, policies and audit see it. */
  readonly path: string
  /** The path with the one spelling of its names, where several name the same thing and another one was sent; else null. */
  readonly foldedPath: string | null
  readonly mount: Mount | null
  /** The path inside the mount. */
  readonly rest: string
  readonly operation: Operation | null
  readonly params: Readonly<Record<string, string>>
  /** The path exists, but not for this verb. */
  readonly wrongVerb: boolean
  /** Needs no token. For a wrong verb: the right one would need none. */
  readonly isPublic: boolean
}

const noParams: Readonly<Record<string, string>> = Object.freeze({})

/** `isProven`: the operation is to be had without a token, for once. */
export async function resolveTarget(core: Core, wire: WireRequest, isProven = false): Promise<Target> {
  const verb = wire.verb === 'head' || wire.verb === 'help' ? 'read' : wire.verb
  const { path } = wire
  const mount = await core.mounts.find(path)
  const rest = mount === null ? path : path.slice(mount.record.path.length)
  const matched = mount?.registered?.routes.match(verb, rest) ?? null
  const found = matched === null || matched === 'verb' ? null : matched
  const operation = found?.operation ?? null
  const wrongVerb = matched === 'verb'
  const isPublic = wrongVerb ? mount?.registered?.routes.find(rest)?.operations.some(({ access }) => access === 'public') === true : isProven || operation?.access === 'public'
  const foldedPath = found === null || mount === null || found.operation.foldedParams.length === 0 ? null : foldPath(mount.record.path, rest, found)
  return { verb, path, foldedPath, mount, rest, operation, params: found?.params ?? noParams, wrongVerb, isPublic }
}

/** What a rule says of `admin` holds for `Admin` too where both are the same (CVE-2026-89322). */
function foldPath(mountPath: string, rest: string, { operation, params }: Match): string | null {
  const folded = operation.path.replaceAll(/\{(\w+)\*?\}/g, (_, name: string) => {
    const written = params[name] ?? ''
    return operation.params[name]?.fold?.(written) ?? written
  })
  // A listing names a folder.
  const isFolder = (operation.verb === 'list' || operation.verb === 'scan') && rest.endsWith('/')
  const whole = isFolder ? `${folded}/` : folded
  return whole === rest ? null : mountPath + whole
}
