/** Users of databases: made on demand and gone with their lease, or kept and given another password by and by. */
import { engine } from '../../kit/engine.ts'
import { connectionOperations } from './connections.ts'
import { credsLeases, credsOperations, leaseKind } from './creds.ts'
import { Pools } from './pools.ts'
import { roleOperations } from './roles.ts'
import { rotateOperations, rotationChore } from './rotate.ts'
import { staticRoleOperations } from './static-roles.ts'

/** The connections of all mounts of this process. */
const pools = new Pools()

export const database = engine({
  type: 'database',
  kind: 'secret',
  summary: 'Users of databases.',
  operations: [...connectionOperations(pools), ...roleOperations, ...credsOperations(pools), ...staticRoleOperations(pools), ...rotateOperations(pools)],
  leases: { [leaseKind]: credsLeases(pools) },
  chores: [rotationChore(pools)],
  release: async () => pools.closeAll(),
})
