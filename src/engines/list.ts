/** The secrets engines that this server knows. A new one is a new folder and one line here. */
import type { Engine } from '../kit/engine.ts'
import { cubbyhole } from './cubbyhole/index.ts'
import { database } from './database/index.ts'
import { kubernetes } from './kubernetes/index.ts'
import { kvV1 } from './kv-v1/index.ts'
import { kvV2 } from './kv-v2/index.ts'
import { ldap } from './ldap/index.ts'
import { pki } from './pki/index.ts'
import { rabbitmq } from './rabbitmq/index.ts'
import { serviceKeys } from './service-keys/index.ts'
import { sshEngine } from './ssh/index.ts'
import { totpEngine } from './totp/index.ts'
import { transit } from './transit/index.ts'

export const engines: readonly Engine[] = Object.freeze([cubbyhole, database, kubernetes, kvV1, kvV2, ldap, pki, rabbitmq, serviceKeys, sshEngine, totpEngine, transit])
