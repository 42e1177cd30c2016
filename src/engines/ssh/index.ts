/** SSH: certificates for users and hosts, and passwords for one login. */
import { engine } from '../../kit/engine.ts'
import { issuerOperations } from './issuers.ts'
import { deleteZeroAddress, leaseKind, lookupRoles, makeOtp, otpLease, readZeroAddress, verifyOtp, writeZeroAddress } from './otp.ts'
import { deleteRole, listRoles, readRole, writeRole } from './roles.ts'
import { issueKey, signKey } from './sign.ts'

export const sshEngine = engine({
  type: 'ssh',
  kind: 'secret',
  summary: 'Signs certificates for SSH, and gives out passwords for one login.',
  operations: [
    listRoles, readRole, writeRole, deleteRole, signKey, issueKey, ...issuerOperations, makeOtp, verifyOtp, lookupRoles, readZeroAddress,
    writeZeroAddress, deleteZeroAddress,
  ],
  leases: { [leaseKind]: otpLease },
})
