/** The role that allows everything: where the request alone decides, as for CAs and verbatim signing. */
import { parseFields } from '../../kit/fields.ts'
import { roleFields, type Role } from './role-fields.ts'

const defaults = parseFields(roleFields, {}).values

export const openRole = (changes: Partial<Role>): Role => ({
  ...defaults,
  allow_any_name: true,
  enforce_hostnames: false,
  require_cn: false,
  allowed_uri_sans: ['*'],
  allowed_other_sans: ['*'],
  allowed_serial_numbers: ['*'],
  allowed_user_ids: ['*'],
  cn_validations: ['disabled'],
  key_type: 'any',
  server_flag: false,
  client_flag: false,
  ...changes,
})
