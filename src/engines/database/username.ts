/** Names of the users that are made. */
import { parseNameTemplate, plainName } from '../../crypto/name-template.ts'
import type { CallerView } from '../../kit/operation.ts'
import { textDetail } from './details.ts'
import type { Driver } from './driver.ts'
import type { Connection } from './records.ts'

export const userFields = ['DisplayName', 'RoleName'] as const

interface Asking {
  readonly role: string
  readonly caller: CallerView | null
  readonly now: number
  readonly random: (bytes: number) => Uint8Array
}

/** Throws `bad_request`. */
export function makeUsername(driver: Driver, { details }: Pick<Connection, 'details'>, { role, caller, now, random }: Asking): string {
  const template = parseNameTemplate(textDetail(details, 'username_template') || driver.usernameTemplate, userFields)
  return template({ fields: { DisplayName: plainName(caller?.displayName ?? ''), RoleName: role }, now, random })
}
