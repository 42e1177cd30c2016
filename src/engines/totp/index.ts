/** TOTP: codes for accounts elsewhere, and validation of the codes that others' apps show. */
import { engine } from '../../kit/engine.ts'
import { readCode, validateCode } from './code.ts'
import { deleteKey, listKeys, readKey, writeKey } from './keys.ts'

export const totpEngine = engine({
  type: 'totp',
  kind: 'secret',
  summary: 'Generates and validates time-based one-time codes.',
  operations: [listKeys, readKey, writeKey, deleteKey, readCode, validateCode],
})
