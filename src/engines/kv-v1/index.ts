/** KV version 1: objects by path, one value each. */
import { engine } from '../../kit/engine.ts'
import { deleteSecret, deleteTop, listSecrets, readSecret, readTop, scanSecrets, writeSecret, writeTop } from './secrets.ts'

export const kvV1 = engine({
  type: 'kv',
  version: '1',
  kind: 'secret',
  summary: 'Keeps whatever object it is given at a path, without versions.',
  operations: [readSecret, writeSecret, deleteSecret, listSecrets, scanSecrets, readTop, writeTop, deleteTop],
})
