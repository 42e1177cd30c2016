/** Names of the users that are made. */
import { parseNameTemplate, plainName } from '../../crypto/name-template.ts'
import { badRequest } from '../../kit/errors.ts'
import type { CallerView } from '../../kit/operation.ts'

const fields = ['DisplayName', 'RoleName'] as const
const usual = '{{ printf "%s-%s" (.DisplayName) (uuid) }}'

interface Asking {
  readonly role: string
  readonly caller: Pick<CallerView, 'displayName'> | null
  readonly now: number
  readonly random: (bytes: number) => Uint8Array
}

/** Throws `bad_request`. */
export function makeUsername(template: string, { role, caller, now, random }: Asking): string {
  return parseNameTemplate(template || usual, fields)({ fields: { DisplayName: plainName(caller?.displayName ?? ''), RoleName: role }, now, random })
}

/** Throws `bad_request` for a template that makes no names, or the same one twice. */
export function checkTemplate(template: string): void {
  const [one, other] = [1, 2].map((seed) => makeUsername(template, { role: 'role', caller: { displayName: 'name' }, now: seed * 1e10, random: (bytes) => new Uint8Array(bytes).fill(seed) }))
  if (one === other) throw badRequest('username_template must give another name each time, as with {{random 20}}')
}
