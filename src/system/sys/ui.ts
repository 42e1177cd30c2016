/** `sys/internal/ui`: what consoles and command lines ask before they do anything else. */
import type { Core } from '../../core/core.ts'
import { aclOfToken } from '../../core/identity/standing.ts'
import { shownPath } from '../../core/mounts/change.ts'
import type { Mount } from '../../core/mounts/table.ts'
import { findToken } from '../../core/tokens/find.ts'
import { eachInTurns } from '../../core/turns.ts'
import type { TokenRecord } from '../../core/tokens/record.ts'
import { mayComeFrom } from '../../core/tokens/uses.ts'
import type { PlainCall } from '../../kit/engine.ts'
import { ApiError, permissionDenied } from '../../kit/errors.ts'
import { text } from '../../kit/fields.ts'
import { systemPath, type SystemCall } from '../call.ts'
import { showMount } from './mount-config.ts'

/** The caller of a public operation: null without a token; a token that means nothing is refused. */
async function asker(call: SystemCall & Pick<PlainCall, 'remoteAddress'>): Promise<TokenRecord | null> {
  if (call.tokenGiven === null) return null
  const record = await findToken(call.core, call.tokenGiven)
  if (record === null || !mayComeFrom(record, call.remoteAddress)) throw permissionDenied()
  return record
}

const isSecret = (mount: Mount): boolean => mount.record.kind !== 'auth'

async function visibleMounts(core: Core, record: TokenRecord | null): Promise<{ secret: Record<string, unknown>; auth: Record<string, unknown> }> {
  const shown = { secret: {} as Record<string, unknown>, auth: {} as Record<string, unknown> }
  const acl = record === null ? null : await aclOfToken(core, record)
  await eachInTurns(await core.mounts.list(), (mount) => {
    const { path, config, type, description, options } = mount.record
    const isOpen = config.listing_visibility === 'unauth'
    if (!isOpen && acl?.hasAnyAccess(path) !== true) return
    const entry = acl === null ? { type, description, options } : showMount(mount.record)
    shown[isSecret(mount) ? 'secret' : 'auth'][shownPath(path)] = entry
  })
  return shown
}

const mounts = systemPath('internal/ui/mounts').read({
  summary: 'The mounts that the caller can do anything with; without a token, those that are shown to anybody.',
  access: 'public',
  handle: async (call) => await visibleMounts(call.core, await asker(call)),
})

const oneMount = systemPath('internal/ui/mounts/{path*}', { path: text('Any path inside the mount.') }).read({
  summary: 'The mount that a path lies in.',
  access: 'public',
  async handle(call) {
    const record = await asker(call)
    if (record === null) throw permissionDenied()
    const { path } = call.params
    const mount = await call.core.mounts.find(path.endsWith('/') ? path : `${path}/`)
    const acl = await aclOfToken(call.core, record)
    // Whether there is no mount or none that this caller may see is the same answer.
    if (mount === null || !acl.hasAnyAccess(mount.record.path)) {
      const shown = `${path.replace(/\/+$/, '')}/`
      throw new ApiError('permission_denied', `preflight capability check returned 403, please ensure client's policies grant access to path ${JSON.stringify(shown)}`)
    }
    return { ...showMount(mount.record), path: shownPath(mount.record.path) }
  },
})

const resultantAcl = systemPath('internal/ui/resultant-acl').read({
  summary: "The caller's rules, merged.",
  access: 'public',
  async handle(call) {
    const record = await asker(call)
    if (record === null) throw permissionDenied()
    return (await aclOfToken(call.core, record)).resultant()
  },
})

const namespaces = systemPath('internal/ui/namespaces').read({
  summary: 'The namespaces that the caller can see.',
  access: 'public',
  async handle(call) {
    if ((await asker(call)) === null) throw permissionDenied()
    return { keys: [] }
  },
})

const featureFlags = systemPath('internal/ui/feature-flags').read({
  summary: 'Features that consoles show or hide.',
  access: 'public',
  handle: () => ({ feature_flags: [] }),
})

export const uiOperations = [mounts, oneMount, resultantAcl, namespaces, featureFlags]
