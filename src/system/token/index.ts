/** The auth method `token`: always there, at `auth/token/`. */
import { engine } from '../../kit/engine.ts'
import { createOperations } from './create.ts'
import { lookupOperations } from './lookup.ts'
import { renewOperations } from './renew.ts'
import { revokeOperations } from './revoke.ts'
import { roleOperations } from './roles.ts'
import { tidyOperations } from './tidy.ts'

export const tokenAuth = engine({
  type: 'token',
  kind: 'auth',
  summary: 'Tokens: making, looking up, renewing and revoking them.',
  operations: [...createOperations, ...lookupOperations, ...renewOperations, ...revokeOperations, ...roleOperations, ...tidyOperations],
})
