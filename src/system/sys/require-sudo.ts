/** Authority for operations that stand outside the audited path, because they must work, or end, while the server is sealed. */
import { aclOfToken } from '../../core/identity/standing.ts'
import { findToken } from '../../core/tokens/find.ts'
import { finishLater } from '../../core/tokens/revoke.ts'
import { mayComeFrom, spendToken } from '../../core/tokens/uses.ts'
import type { PlainCall } from '../../kit/engine.ts'
import { ApiError, permissionDenied } from '../../kit/errors.ts'
import type { SystemCall } from '../call.ts'
import { listItem } from '../errors.ts'

type Asker = SystemCall & Pick<PlainCall, 'remoteAddress'>

/** Throws unless the caller's token may `update` the path and has `sudo` there. The token pays a use, and must come from where it may, as everywhere. */
export async function requireSudo(call: Asker, path: string): Promise<void> {
  const { core } = call
  const record = call.tokenGiven === null ? null : await findToken(core, call.tokenGiven)
  if (record === null || !mayComeFrom(record, call.remoteAddress)) throw permissionDenied()
  const acl = await aclOfToken(core, record)
  const spent = await spendToken(core, record)
  if (spent === 'refused') throw permissionDenied()
  if (spent === 'last') await finishLater(core, record.hash)
  const verdict = acl.judge({ path, capability: 'update', sudo: true, data: null, wrapTtl: null, nowMs: core.host.now() })
  if (!verdict.allowed) throw new ApiError('permission_denied', listItem('permission denied'))
}

/** Key holders may act without a token only where the configuration of the listener opens this very ceremony (CVE-2026-5807: anybody could cancel). */
export async function requireKeyHolder(call: Asker, path: string): Promise<void> {
  const ceremony = path.startsWith('sys/rekey') ? 'rekey' : 'generate-root'
  if (call.open?.has(ceremony) !== true) await requireSudo(call, path)
}
