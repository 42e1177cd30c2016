/** Users of RabbitMQ, made on demand and gone with their lease. */
import { engine } from '../../kit/engine.ts'
import { configOperations } from './config.ts'
import { creds, credsLeases, leaseKind } from './creds.ts'
import { roleOperations } from './roles.ts'

export const rabbitmq = engine({
  type: 'rabbitmq',
  kind: 'secret',
  summary: 'Users of RabbitMQ.',
  operations: [...configOperations, ...roleOperations, creds],
  leases: { [leaseKind]: credsLeases },
})
