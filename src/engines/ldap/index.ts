/** Accounts of directories: made on demand, kept with a password that changes, or lent one at a time. */
import { engine } from '../../kit/engine.ts'
import { rotationChore } from '../../kit/rotation/rotator.ts'
import { checkOutLeases, checkOutOperations, leaseKind as checkOutKind } from './check-out.ts'
import { configOperations } from './config.ts'
import { libraryOperations } from './library.ts'
import { credsLeases, leaseKind as credsKind, roleOperations } from './roles.ts'
import { keeper } from './rotation.ts'
import { staticRoleOperations } from './static-roles.ts'

export const ldap = engine({
  type: 'ldap',
  kind: 'secret',
  summary: 'Accounts of directories.',
  operations: [...configOperations, ...staticRoleOperations, ...roleOperations, ...libraryOperations, ...checkOutOperations],
  leases: { [credsKind]: credsLeases, [checkOutKind]: checkOutLeases },
  chores: [rotationChore(keeper)],
})
