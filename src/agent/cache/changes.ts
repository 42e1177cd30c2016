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

/** Null for what changes nothing that could be held. */
export function changeBy(request: ProxyRequest): Change | null {
  if (isReading(request)) return null
  const { path } = request
  if (path.startsWith('auth/token/')) return tokenChange(request, path.slice('auth/token/'.length))
  if (/^sys\/(?:leases\/)?revoke/.test(path)) return leaseChange(request, path.replace(/^sys\/(?:leases\/)?/, ''))
  if (/^sys\/(?:mounts|auth|remount)\b/.test(path)) return mountChange(request)
  // Who may read what has changed.
  if (/^(?:sys\/(?:policy|policies|seal|namespaces)\b|identity\/)/.test(path)) return writing((entries) => entries.removeWhere(isStatic))
  if (/^(?:sys|auth|identity|cubbyhole)\//.test(path)) return null
  return writing((entries) => entries.removeWhere((entry) => writes(request, entry)))
}

const isStatic = ({ kind }: Entry): boolean => kind === 'static'

function tokenChange(request: ProxyRequest, operation: string): Change | null {
  const [verb = '', inPath = ''] = operation.split('/')
  switch (verb) {
    case 'revoke': {
      const token = inPath || fieldOf(request, 'token')
      return revoking((entries) => entries.removeToken(token))
    }
    case 'revoke-self':
      return revoking((entries) => entries.removeToken(request.token))
    case 'revoke-orphan': {
      const token = inPath || fieldOf(request, 'token')
      return revoking((entries) => entries.removeTokenAlone(token))
    }
    case 'revoke-accessor': {
      const accessor = inPath || fieldOf(request, 'accessor')
      return accessor === '' ? null : revoking((entries) => entries.removeWhere((entry) => entry.accessor === accessor))
    }
    default:
      return null
  }
}

function leaseChange(request: ProxyRequest, operation: string): Change {
  const [, verb = '', rest = ''] = /^(revoke(?:-prefix|-force)?)\/?(.*)$/s.exec(operation) ?? []
  const { namespace } = request
  if (verb === 'revoke') {
    const leaseId = rest || fieldOf(request, 'lease_id')
    return revoking((entries) => entries.removeWhere((entry) => leaseId !== '' && entry.leaseId === leaseId))
  }
  return revoking((entries) => entries.removeWhere((entry) => entry.kind !== 'static' && entry.namespace === namespace && (isBelow(entry.leaseId, rest) || isBelow(entry.path, rest))))
}

const bare = (path: string): string => path.replace(/^\/+|\/+$/g, '')

/** Itself, or inside of it. Everything is below ''. */
export function isBelow(path: string, folder: string): boolean {
  const [inner, outer] = [bare(path), bare(folder)]
  return outer === '' || inner === outer || inner.startsWith(`${outer}/`)
}

/** A mount that goes, or gets another place, takes with it what came from it; and who gets to which secret may be another matter. */
function mountChange({ path, namespace, verb }: ProxyRequest): Change {
  const mount = verb === 'delete' ? path.replace(/^sys\/(?:mounts\/(?=.)|(?=auth\/.))/, '') : null
  return revoking((entries) => entries.removeWhere((entry) => entry.kind === 'static' || (mount !== null && entry.namespace === namespace && isBelow(entry.path, mount))))
}

function writes({ path, namespace }: ProxyRequest, { secret, namespace: own }: Entry): boolean {
  if (secret === null || own !== namespace || !path.startsWith(secret.mount)) return false
  const inner = path.slice(secret.mount.length)
  return inner === secret.name || inner.replace(/^[^/]*\//, '') === secret.name || inner === 'config'
}
