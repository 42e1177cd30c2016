/** The cubbyhole: a private store for each service token, gone with the token. */
import { engine } from '../../kit/engine.ts'
import { deleteSecret, listSecrets, readSecret, readTop, writeSecret, writeTop } from './secrets.ts'

export const cubbyhole = engine({
  type: 'cubbyhole',
  kind: 'secret',
  summary: 'Keeps objects for one token alone, until that token is gone.',
  operations: [readSecret, writeSecret, deleteSecret, listSecrets, readTop, writeTop],
})
