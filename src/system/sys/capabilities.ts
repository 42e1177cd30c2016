/** `sys/capabilities`: what a token may do on given paths. */
import type { Core } from '../../core/core.ts'
import { aclOfToken } from '../../core/identity/standing.ts'
import { findToken, findTokenByAccessor } from '../../core/tokens/find.ts'
import type { TokenRecord } from '../../core/tokens/record.ts'
import { badRequest } from '../../kit/errors.ts'
import { defaulted, deprecated, list, secret, text } from '../../kit/fields.ts'
import { reply, type Result } from '../../kit/result.ts'
import { systemPath } from '../call.ts'
import { listItem } from '../errors.ts'

const paths = {
  paths: defaulted(list('Paths to ask about.'), []),
  path: defaulted(deprecated(list('Old name of paths.')), []),
}

interface PathsInput {
  readonly paths: readonly string[]
  readonly path: readonly string[]
}

async function answer(core: Core, record: TokenRecord, input: PathsInput): Promise<Result> {
  const asked = [...input.paths, ...input.path]
  if (asked.length === 0) throw badRequest('paths must be supplied')
  const acl = await aclOfToken(core, record)
  const data: Record<string, readonly string[]> = {}
  for (const path of asked) data[path] = acl.capabilities(path.replace(/^\/+/, ''))
  // The text says one path; a path that was named twice is two.
  if (asked.length === 1) data['capabilities'] = data[asked[0] as string] as readonly string[]
  return reply({ data, repeatedAtTop: true })
}

export const capabilityOperations = [
  systemPath('capabilities').write({
    summary: 'What a token may do.',
    input: { token: defaulted(secret(text('The token to ask about.')), ''), ...paths },
    async handle({ core, input }) {
      if (input.token === '') throw badRequest(listItem('no token found'))
      const record = await findToken(core, input.token)
      if (record === null) throw badRequest(listItem('invalid token'))
      return await answer(core, record, input)
    },
  }),
  systemPath('capabilities-self').write({
    summary: 'What the caller may do.',
    input: paths,
    async handle({ core, token, input }) {
      if (token === null) throw badRequest('no token found')
      return await answer(core, token.record, input)
    },
  }),
  systemPath('capabilities-accessor').write({
    summary: 'What the token of an accessor may do.',
    input: { accessor: defaulted(text('Accessor of the token.'), ''), ...paths },
    async handle({ core, input }) {
      if (input.accessor === '') throw badRequest('missing accessor')
      const record = await findTokenByAccessor(core, input.accessor)
      if (record === null) throw badRequest(listItem('invalid accessor'))
      return await answer(core, record, input)
    },
  }),
]
