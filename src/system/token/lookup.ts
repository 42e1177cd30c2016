/** Looking tokens up: one's own, another's, by accessor; and the list of all accessors. */
import { opaqueStore } from '../../core/base.ts'
import { hashAccessor } from '../../core/tokens/create.ts'
import { findToken, findTokenByAccessor } from '../../core/tokens/find.ts'
import { accessorRecords, type TokenRecord } from '../../core/tokens/record.ts'
import { ApiError, badRequest, permissionDenied } from '../../kit/errors.ts'
import { defaulted, integer, secret, text } from '../../kit/fields.ts'
import { also } from '../../kit/operation.ts'
import { listed, type Result } from '../../kit/result.ts'
import { systemPath, type SystemCall } from '../call.ts'
import { listItem } from '../errors.ts'
import { showToken } from './show.ts'

/** The caller's own token, as it is after this request has spent a use. */
async function ownRecord({ core, token }: SystemCall): Promise<{ readonly id: string; readonly record: TokenRecord }> {
  if (token === null) throw permissionDenied()
  if (token.record.numUses === 0) return token
  const now = token.record.type === 'batch' ? token.record : await findToken(core, token.id)
  return { id: token.id, record: now ?? { ...token.record, usesLeft: 0 } }
}

export async function byAccessor({ core }: SystemCall, accessor: string): Promise<TokenRecord> {
  if (accessor === '') throw badRequest(listItem('missing accessor'))
  const record = await findTokenByAccessor(core, accessor)
  if (record === null) throw badRequest(listItem('invalid accessor'))
  return record
}

async function lookupSelf(call: SystemCall): Promise<Result> {
  const { id, record } = await ownRecord(call)
  return await showToken(call.core, record, id)
}

const self = systemPath('lookup-self').read({ summary: "Show the caller's own token.", handle: lookupSelf })

const lookup = systemPath('lookup').write({
  summary: 'Show a token.',
  description: "Without `token`, the caller's own.",
  input: { token: defaulted(secret(text('The token to look up.')), '') },
  async handle(call) {
    const { token } = call.input
    if (token === '' || token === call.token?.id) return await lookupSelf(call)
    const record = await findToken(call.core, token)
    if (record === null) throw new ApiError('permission_denied', 'bad token')
    return await showToken(call.core, record, token)
  },
})

const lookupAccessor = systemPath('lookup-accessor').write({
  summary: 'Show the token that an accessor belongs to, without the token itself.',
  input: { accessor: defaulted(text('Accessor of the token.'), '') },
  handle: async (call) => await showToken(call.core, await byAccessor(call, call.input.accessor), ''),
})

const accessors = systemPath('accessors').list({
  summary: 'List the accessors of all tokens, in no particular order.',
  access: 'sudo',
  input: { after: defaulted(text('Only those after this one.'), ''), limit: defaulted(integer('At most so many; 0 or less: all.'), 0) },
  async handle({ core, input }) {
    const store = opaqueStore(core)
    // They lie under their hashes, and are paged in that order.
    const after = input.after === '' ? '' : hashAccessor(core, input.after)
    const hashes = await store.list('accessor/', { after, ...(input.limit > 0 ? { limit: input.limit } : {}) })
    const found = await Promise.all(hashes.map((hash) => accessorRecords.read(store, hash)))
    return listed(found.flatMap((record) => (record === null ? [] : [record.accessor])))
  },
})

export const lookupOperations = [self, also(self, { verb: 'write' }), lookup, also(lookup, { verb: 'read' }), lookupAccessor, accessors]
