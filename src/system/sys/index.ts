/** `sys/`: the system itself, written as an engine like any other. */
import { engine } from '../../kit/engine.ts'
import { auditOperations } from './audit.ts'
import { capabilityOperations } from './capabilities.ts'
import { ceremonyOperations } from './ceremonies.ts'
import { healthOperations } from './health.ts'
import { initOperations } from './init.ts'
import { leaseOperations } from './leases.ts'
import { mountOperations } from './mounts.ts'
import { policyOperations } from './policies.ts'
import { remountOperations } from './remount.ts'
import { toolOperations } from './tools.ts'
import { uiOperations } from './ui.ts'
import { wrappingOperations } from './wrapping.ts'

export const system = engine({
  type: 'system',
  kind: 'system',
  summary: 'Control, policies and diagnosis of the server.',
  operations: [
    ...auditOperations, ...ceremonyOperations, ...healthOperations, ...initOperations, ...capabilityOperations, ...leaseOperations, ...mountOperations, ...policyOperations, ...remountOperations, ...toolOperations,
    ...uiOperations, ...wrappingOperations,
  ],
})
