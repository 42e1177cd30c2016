/** Credentials of services that have an API for them: kept, and rotated by a recipe of HTTP calls. */
import { engine } from '../../kit/engine.ts'
import { rotationChore } from '../../kit/rotation/rotator.ts'
import { keyOperations } from './keys.ts'
import { retirementChore } from './retirement.ts'
import { keeper } from './rotation.ts'
import { serviceOperations } from './services.ts'

export const serviceKeys = engine({
  type: 'service-keys',
  kind: 'secret',
  summary: 'API keys and passwords of services, rotated by recipes.',
  operations: [...serviceOperations, ...keyOperations],
  chores: [rotationChore(keeper), retirementChore],
})
