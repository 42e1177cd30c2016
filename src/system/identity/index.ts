/** `identity/`: who stands behind tokens. */
import { engine } from '../../kit/engine.ts'
import { aliasOperations } from './aliases.ts'
import { entityOperations } from './entities.ts'
import { lookupEntity } from './lookup.ts'

export const identity = engine({
  type: 'identity',
  kind: 'system',
  summary: 'Who stands behind tokens.',
  operations: [...entityOperations, ...aliasOperations, lookupEntity],
})
