/** Tokens of service accounts of a Kubernetes cluster, and what is made for them. */
import { engine } from '../../kit/engine.ts'
import { configOperations } from './config.ts'
import { creds, credsLeases, leaseKind } from './creds.ts'
import { roleOperations } from './roles.ts'

export const kubernetes = engine({
  type: 'kubernetes',
  kind: 'secret',
  summary: 'Tokens of service accounts of Kubernetes.',
  operations: [...configOperations, ...roleOperations, creds],
  leases: { [leaseKind]: credsLeases },
})
