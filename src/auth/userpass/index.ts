/** Auth method `userpass`: users with passwords. */
import { engine } from '../../kit/engine.ts'
import { badRequest } from '../../kit/errors.ts'
import { login } from './login.ts'
import { users } from './records.ts'
import { userOperations } from './users.ts'

export const userpass = engine({
  type: 'userpass',
  kind: 'auth',
  summary: 'Log in with a user name and a password.',
  foldsNames: true,
  operations: [login, ...userOperations],
  async renew({ store, metadata, policies }) {
    const user = await users.read(store, metadata['username'] ?? '')
    if (user === null) throw badRequest('the user of this token is gone')
    const now = [...new Set([...user.token.policies.map((name) => name.toLowerCase()), ...(user.token.noDefaultPolicy ? [] : ['default'])])].sort()
    if (JSON.stringify(now) !== JSON.stringify(policies)) throw badRequest('policies have changed, not renewing')
    return { ttlSeconds: user.token.ttl, maxTtlSeconds: user.token.maxTtl, periodSeconds: user.token.period }
  },
})
