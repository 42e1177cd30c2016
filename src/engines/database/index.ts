/** Users of databases: made on demand and gone with their lease, or kept and given another password by and by. */
import { engine } from '../../kit/engine.ts'
import { rotationChore } from '../../kit/rotation/rotator.ts'
import { connectionOperations } from './connections.ts'
import { credsLeases, credsOperations, leaseKind } from './creds.ts'
import { Pools } from './pools.ts'
import { roleOperations } from './roles.ts'
import { rotateOperations } from './rotate.ts'
import { keeperOf } from './rotation.ts'
import { staticRoleOperations } from './static-roles.ts'

/** The connections of all mounts of this process. */
const pools = new Pools()

export const database = engine({
  type: 'database',
  kind: 'secret',
  summary: 'Users of databases.',
  operations: [...connectionOperations(pools), ...roleOperations, ...credsOperations(pools), ...staticRoleOperations(pools), ...rotateOperations(pools)],
  leases: { [leaseKind]: credsLeases(pools) },
  chores: [rotationChore(keeperOf(pools))],
  release: async () => pools.closeAll(),
})
