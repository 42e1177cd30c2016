/** `sys/`: the system itself, written as an engine like any other. */
import { engine } from '../../kit/engine.ts'
import { auditOperations } from './audit.ts'
import { capabilityOperations } from './capabilities.ts'
import { ceremonyOperations } from './ceremonies.ts'
import { configOperations } from './config.ts'
import { diagnosisOperations } from './diagnosis.ts'
import { observeOperations } from './observe.ts'
import { quotaOperations } from './quotas.ts'
import { pluginOperations } from './plugins.ts'
import { healthOperations } from './health.ts'
import { initOperations } from './init.ts'
import { leaseOperations } from './leases.ts'
import { managedKeyOperations } from './managed-keys.ts'
import { mountOperations } from './mounts.ts'
import { policyOperations } from './policies.ts'
import { rawOperations } from './raw.ts'
import { remountOperations } from './remount.ts'
import { snapshotOperations } from './snapshots.ts'
import { toolOperations } from './tools.ts'
import { uiOperations } from './ui.ts'
import { wrappingOperations } from './wrapping.ts'

export const system = engine({
  type: 'system',
  kind: 'system',
  summary: 'Control, policies and diagnosis of the server.',
  operations: [
    ...auditOperations, ...configOperations, ...diagnosisOperations, ...pluginOperations, ...observeOperations, ...quotaOperations, ...rawOperations, ...ceremonyOperations, ...healthOperations, ...initOperations, ...capabilityOperations, ...leaseOperations, ...mountOperations, ...policyOperations, ...remountOperations, ...snapshotOperations, ...toolOperations,
    ...managedKeyOperations, ...uiOperations, ...wrappingOperations,
  ],
})
