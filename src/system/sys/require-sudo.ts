/** Authority for operations that stand outside the audited path, because they must work, or end, while the server is sealed. */
import { aclOfToken } from '../../core/identity/standing.ts'
import { findToken } from '../../core/tokens/find.ts'
import { ApiError, permissionDenied } from '../../kit/errors.ts'
import type { SystemCall } from '../call.ts'
import { listItem } from '../errors.ts'

/** Throws unless the caller's token may `update` the path and has `sudo` there. */
export async function requireSudo(call: SystemCall, path: string): Promise<void> {
  const record = call.tokenGiven === null ? null : await findToken(call.core, call.tokenGiven)
  if (record === null) throw permissionDenied()
  const verdict = (await aclOfToken(call.core, record)).judge({ path, capability: 'update', sudo: true, data: null, wrapTtl: null, nowMs: call.core.host.now() })
  if (!verdict.allowed) throw new ApiError('permission_denied', listItem('permission denied'))
}

/** Key holders may act without a token only where the listener's configuration says so (CVE-2026-5807: anybody could cancel). */
export async function requireKeyHolder(call: SystemCall, path: string): Promise<void> {
  if (!call.core.settings.unauthenticatedKeyCeremonies) await requireSudo(call, path)
}
