/** How a directory is told a password, by its schema, and how passwords are made. */
import { randomName } from '../../crypto/name-template.ts'
import { badRequest } from '../../kit/errors.ts'
import type { Maker } from '../../kit/rotation/rotator.ts'
import type { Modification } from './ldif.ts'
import type { Config } from './records.ts'
import type { Schema } from './settings.ts'

const lengthUsual = 64

const replacing = (name: string, value: Buffer): Modification => ({ operation: 'replace', attribute: { name, values: [value] } })

export function passwordChange(schema: Schema, password: string): readonly Modification[] {
  if (schema === 'openldap') return [replacing('userPassword', Buffer.from(password))]
  // MS-ADTS 3.1.1.3.1.5: in quotes, in UTF-16, little-endian.
  if (schema === 'ad') return [replacing('unicodePwd', Buffer.from(`"${password}"`, 'utf16le'))]
  return [replacing('racfPassword', Buffer.from(password)), replacing('racfAttributes', Buffer.from('noexpired'))]
}

/** Throws `bad_request` when the policy is not there. */
export async function makePassword({ random, makePassword: byPolicy }: Maker, { passwordPolicy, length }: Config): Promise<string> {
  if (passwordPolicy === '') return randomName(length || lengthUsual, random)
  try {
    return await byPolicy(passwordPolicy)
  } catch (error) {
    throw badRequest(`failed to generate password: ${error instanceof Error ? error.message : 'unknown'}`, { cause: error })
  }
}
