/** Revoking tokens. The answer comes when the token and all that hangs on it are refused everywhere. */
import { hashToken } from '../../core/tokens/create.ts'
import { findToken, findTokenByAccessor } from '../../core/tokens/find.ts'
import { batchPrefix } from '../../core/tokens/ids.ts'
import { finishRevocation, killWithoutChildren, revokeToken } from '../../core/tokens/revoke.ts'
import { badRequest } from '../../kit/errors.ts'
import { defaulted, secret, text } from '../../kit/fields.ts'
import { reply } from '../../kit/result.ts'
import { systemPath } from '../call.ts'
import { listItem } from '../errors.ts'

const token = defaulted(secret(text('The token to revoke.')), '')
const batchText = 'batch tokens cannot be revoked'

const revokeSelf = systemPath('revoke-self').write({
  summary: "Revoke the caller's own token and everything made with it.",
  async handle({ core, token: own }) {
    if (own === null) throw badRequest('missing token ID')
    if (own.record.type === 'batch') throw badRequest(batchText)
    await revokeToken(core, own.record.hash)
    return null
  },
})

const revoke = systemPath('revoke').write({
  summary: 'Revoke a token and everything made with it.',
  input: { token },
  async handle({ core, input }) {
    if (input.token === '') throw badRequest('missing token ID')
    if (input.token.startsWith(batchPrefix) && (await findToken(core, input.token)) !== null) throw badRequest(batchText)
    await revokeToken(core, hashToken(core, input.token))
    return null
  },
})

const revokeAccessor = systemPath('revoke-accessor').write({
  summary: 'Revoke the token that an accessor belongs to.',
  input: { accessor: defaulted(text('Accessor of the token.'), '') },
  async handle({ core, input }) {
    if (input.accessor === '') throw badRequest(listItem('missing accessor'))
    const record = await findTokenByAccessor(core, input.accessor)
    if (record === null) return reply({ warnings: ['No token found with this accessor'] })
    await revokeToken(core, record.hash)
    return null
  },
})

const revokeOrphan = systemPath('revoke-orphan').write({
  summary: 'Revoke a token alone: its children live on as orphans.',
  access: 'sudo',
  input: { token },
  async handle({ core, input }) {
    if (input.token === '') throw badRequest('missing token ID')
    const record = await findToken(core, input.token)
    if (record === null) throw badRequest('token to revoke not found')
    if (record.type === 'batch') throw badRequest(batchText)
    await killWithoutChildren(core, record.hash)
    await finishRevocation(core, record.hash)
    return null
  },
})

export const revokeOperations = [revokeSelf, revoke, revokeAccessor, revokeOrphan]
