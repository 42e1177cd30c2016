/** Auth method `approle`: programs, which log in with the id of a role and, mostly, a secret id. */
import { engine } from '../../kit/engine.ts'
import { badRequest } from '../../kit/errors.ts'
import { tidySecretIds } from './drop.ts'
import { login } from './login.ts'
import { roles } from './records.ts'
import { partOperations } from './role-parts.ts'
import { roleOperations } from './roles.ts'
import { secretIdOperations } from './secret-ids.ts'
import { tidy } from './tidy.ts'

export const approle = engine({
  type: 'approle',
  kind: 'auth',
  summary: 'Log in as a role, with a role id and a secret id.',
  operations: [login, ...roleOperations, ...partOperations, ...secretIdOperations, tidy],
  async renew({ store, internal }) {
    const name = internal['role']
    const role = typeof name === 'string' ? await roles.read(store, name) : null
    if (role === null) throw badRequest('the role of this token is gone')
    return { ttlSeconds: role.token.ttl, maxTtlSeconds: role.token.maxTtl, periodSeconds: role.token.period }
  },
  chores: [{ name: 'expired-secret-ids', everySeconds: 3600, run: ({ store, now }) => tidySecretIds(store, now) }],
})
