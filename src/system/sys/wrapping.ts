/** `sys/wrapping`: taking wrapped answers out again, looking at them, wrapping them anew, and wrapping anything. */
import { finishLater, killTokenIn } from '../../core/tokens/revoke.ts'
import { findToken } from '../../core/tokens/find.ts'
import { mayComeFrom } from '../../core/tokens/uses.ts'
import { unwrapJwt } from '../../core/tokens/wrapping-jwt.ts'
import { invalidWrappingToken, readWrapped, resolveWrapping, wrapText } from '../../core/wrapping.ts'
import type { PlainCall } from '../../kit/engine.ts'
import { ApiError, badRequest, permissionDenied } from '../../kit/errors.ts'
import { defaulted, secret, text } from '../../kit/fields.ts'
import { JsonText } from '../../kit/json.ts'
import { also } from '../../kit/operation.ts'
import { reply, type Result } from '../../kit/result.ts'
import { formatTime } from '../../kit/time.ts'
import { systemPath, type SystemCall } from '../call.ts'

const tokenField = { token: defaulted(secret(text('The wrapping token; without it, the token of the request.')), '') }

const wrap = systemPath('wrapping/wrap').write({
  summary: 'Wrap the fields of the request.',
  arbitraryInput: true,
  handle({ body, wrapTtl }) {
    if (wrapTtl === null) throw badRequest('endpoint requires response wrapping to be used')
    return { ...body }
  },
})

/** The wrapping token: from the body, where a caller with a token of its own put it, or the token of the request. */
function wrappingToken(call: SystemCall & { readonly input: { readonly token: string } }): string {
  const token = call.input.token === '' ? (call.tokenGiven ?? '') : call.input.token
  if (token === '') throw new ApiError('permission_denied', 'error validating wrapping token: token is empty')
  return token
}

const lookup = systemPath('wrapping/lookup').write({
  summary: 'Show where, when and for how long something was wrapped, without unwrapping it.',
  access: 'public',
  input: tokenField,
  async handle(call) {
    const { wrapping, createdAt } = await resolveWrapping(call.core, wrappingToken(call))
    return { creation_path: wrapping.path, creation_time: formatTime(createdAt), creation_ttl: wrapping.ttl }
  },
})

/** Takes the answer out: whoever kills the token gets it, and nobody else does. In the unit of the request, so that none is lost on the way. */
async function unwrap(call: SystemCall & Pick<PlainCall, 'afterCommit'> & { readonly input: { readonly token: string } }): Promise<{ text: string; path: string; ttl: number; accessor: string }> {
  const { core, unit } = call
  const record = await resolveWrapping(core, wrappingToken(call))
  const text = await readWrapped(core, record.cubbyholeId)
  if (text === null || !(await killTokenIn(core, unit, record.hash))) throw invalidWrappingToken()
  call.afterCommit(() => finishLater(core, record.hash))
  return { text, path: record.wrapping.path, ttl: record.wrapping.ttl, accessor: record.wrapping.accessor ?? '' }
}

/** With a token in the body the caller must be somebody: a stolen wrapping token is not enough to see who asks. */
async function checkAsker(call: SystemCall & Pick<PlainCall, 'remoteAddress'> & { readonly input: { readonly token: string } }): Promise<void> {
  if (call.input.token === '' || call.input.token === call.tokenGiven) return
  const asker = call.tokenGiven === null ? null : await findToken(call.core, unwrapJwt(call.core, call.tokenGiven))
  if (asker === null || !mayComeFrom(asker, call.remoteAddress)) throw permissionDenied()
}

const unwrapOperation = systemPath('wrapping/unwrap').write({
  summary: 'Take a wrapped answer out, once.',
  access: 'public',
  input: tokenField,
  async handle(call): Promise<Result> {
    await checkAsker(call)
    const { text } = await unwrap(call)
    return reply({ raw: { contentType: 'application/json', body: text }, auditData: { unwrapped: new JsonText(text) } })
  },
})

const rewrap = systemPath('wrapping/rewrap').write({
  summary: 'Wrap a wrapped answer in a new token; the old one is spent.',
  access: 'public',
  input: tokenField,
  async handle(call) {
    await checkAsker(call)
    const old = await unwrap(call)
    const ttlSeconds = call.wrapTtl ?? old.ttl
    const wrapInfo = await wrapText(call.core, call.unit, old.path, old.text, { ttlSeconds, format: null, wrappedAccessor: old.accessor })
    return reply({ wrapInfo: { ...wrapInfo } })
  },
})

export const wrappingOperations = [wrap, lookup, also(lookup, { verb: 'read' }), unwrapOperation, rewrap]
