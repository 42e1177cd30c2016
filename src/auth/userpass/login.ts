/** Logging in. A wrong password and an unknown user are told apart by nobody: neither by the text nor by the time. */
import { isPassword, passwordLengthMax } from '../../crypto/password.ts'
import { ApiError, badRequest, permissionDenied } from '../../kit/errors.ts'
import { containsAddress, findAddress, parseCidr } from '../../kit/cidr.ts'
import { defaulted, nameText, secret, text } from '../../kit/fields.ts'
import { path } from '../../kit/operation.ts'
import { reply } from '../../kit/result.ts'
import { loginWith } from '../../kit/token-fields.ts'
import { users } from './records.ts'

export const login = path('login/{username}', { username: nameText('Name of the user.') }).write({
  summary: 'Log in with a password.',
  access: 'public',
  input: { password: defaulted(secret(text('The password.')), '') },
  lockoutName: ({ params }) => params.username.toLowerCase(),
  async handle({ params, input, store, remoteAddress }) {
    const name = params.username.toLowerCase()
    if (input.password === '') throw badRequest('missing password')
    const user = await users.read(store, name)
    const isRight = input.password.length <= passwordLengthMax && (await isPassword(input.password, user?.passwordHash ?? null))
    if (user === null || !isRight) throw new ApiError('invalid_credentials', 'invalid username or password')
    if (!mayComeFrom(user.token.boundCidrs, remoteAddress)) throw permissionDenied()
    return reply({ login: loginWith(user.token, remoteAddress, { alias: { name }, displayName: name, metadata: { username: name } }) })
  },
})

function mayComeFrom(ranges: readonly string[], from: string): boolean {
  const address = ranges.length === 0 ? null : findAddress(from)
  return ranges.length === 0 || (address !== null && ranges.some((range) => containsAddress(parseCidr(range), address)))
}
