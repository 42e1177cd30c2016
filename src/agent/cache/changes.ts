/** What a request takes out of the cache, if it is carried out: what it revokes, and secrets that it writes. */
import { fieldOf } from '../proxy/fields.ts'
import type { ProxyRequest } from '../proxy/message.ts'
import type { Entries, Entry } from './entries.ts'

export interface Change {
  /** What is under way meanwhile must not be kept: it may be gone already. */
  readonly of: 'revocation' | 'writing'
  readonly apply: (entries: Entries) => void
}

const revoking = (apply: Change['apply']): Change => ({ of: 'revocation', apply })
const writing = (apply: Change['apply']): Change => ({ of: 'writing', apply })

const isReading = ({ verb }: ProxyRequest): boolean => ['read', 'list', 'scan', 'head', 'help'].includes(verb)

/** What the system is asked to do; the namespace may stand before it, as it may for any path. */
const systemPattern = /^(?<folder>(?:.*?\/)?)(?:auth\/token\/(?<token>revoke[^/]*)|sys\/(?:leases\/)?(?<lease>revoke[^/]*)|(?<mount>sys\/(?:mounts|auth)|sys\/remount)|(?<access>sys\/(?:policy|policies|seal|namespaces)|identity))(?:\/(?<rest>.*))?$/s

/** Null for what changes nothing that could be held. */
export function changeBy(request: ProxyRequest): Change | null {
  if (isReading(request)) return null
  const system = systemChange(request)
  const secret = /^(?:sys|auth|cubbyhole|identity)\//.test(request.path) ? null : writing((entries) => entries.removeWhere((entry) => writes(request, entry)))
  if (system === null || secret === null) return system ?? secret
  // The name of a secret may look like a place of the system in a namespace.
  return { of: system.of, apply: (entries) => [system, secret].forEach(({ apply }) => apply(entries)) }
}

function systemChange(request: ProxyRequest): Change | null {
  const { folder = '', token, lease, mount, access, rest = '' } = systemPattern.exec(request.path)?.groups ?? {}
  const place = { namespace: request.namespace + folder, rest }
  if (token !== undefined) return tokenChange(request, token, rest)
  if (lease !== undefined) return leaseChange(request, lease, place)
  if (mount !== undefined) return mountChange(request, mount, place)
  // Who may read what has changed.
  return access === undefined ? null : writing((entries) => entries.removeWhere(isStatic))
}

const isStatic = ({ kind }: Entry): boolean => kind === 'static'

function tokenChange(request: ProxyRequest, operation: string, rest: string): Change | null {
  const accessor = operation === 'revoke-accessor' ? rest || fieldOf(request, 'accessor') : ''
  if (accessor !== '') return revoking((entries) => entries.removeWhere((entry) => entry.accessor === accessor))
  const token = operation === 'revoke-self' ? request.token : rest || fieldOf(request, 'token')
  if (operation === 'revoke-orphan') return revoking((entries) => entries.removeTokenAlone(token))
  return operation === 'revoke' || operation === 'revoke-self' ? revoking((entries) => entries.removeToken(token)) : null
}

interface Place {
  /** With what stood before the path. */
  readonly namespace: string
  readonly rest: string
}

const fullPath = ({ namespace, path }: Entry): string => namespace + path

function leaseChange(request: ProxyRequest, operation: string, { namespace, rest }: Place): Change {
  if (operation === 'revoke') {
    const leaseId = rest || fieldOf(request, 'lease_id')
    return revoking((entries) => entries.removeWhere((entry) => leaseId !== '' && entry.leaseId === leaseId))
  }
  const isMeant = (entry: Entry): boolean => isBelow(fullPath(entry), namespace + rest) || (entry.namespace === namespace && isBelow(entry.leaseId, rest))
  return revoking((entries) => entries.removeWhere((entry) => entry.kind !== 'static' && isMeant(entry)))
}

const bare = (path: string): string => path.replace(/^\/+|\/+$/g, '')

/** Itself, or inside of it. Everything is below ''. */
function isBelow(path: string, folder: string): boolean {
  const [inner, outer] = [bare(path), bare(folder)]
  return outer === '' || inner === outer || inner.startsWith(`${outer}/`)
}

/** A mount that goes, or gets another place, takes with it what came from it; and who gets to which secret may be another matter. */
function mountChange({ verb }: ProxyRequest, kind: string, { namespace, rest }: Place): Change {
  const mount = verb === 'delete' && rest !== '' ? namespace + (kind === 'sys/auth' ? 'auth/' : '') + rest : null
  return revoking((entries) => entries.removeWhere((entry) => entry.kind === 'static' || (mount !== null && isBelow(fullPath(entry), mount))))
}

function writes({ path, namespace }: ProxyRequest, { secret, namespace: own }: Entry): boolean {
  if (secret === null || own !== namespace || !path.startsWith(secret.mount)) return false
  const inner = path.slice(secret.mount.length)
  return inner === secret.name || inner.replace(/^[^/]*\//, '') === secret.name || inner === 'config'
}
