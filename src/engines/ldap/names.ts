/** Names of roles and libraries: in lower case, of several parts where somebody likes folders; and who looks after which account. */
import { badRequest } from '../../kit/errors.ts'
import { lowerText, type Field } from '../../kit/fields.ts'
import type { Transaction } from '../../kit/store.ts'
import { managed } from './records.ts'

const shape = /^\w(?:[\w.-]*\w)?(?:\/\w(?:[\w.-]*\w)?)*$/

/** `app`, `org/team/app`; of a list also none. */
export function hierarchicalName(description: string): Field<string> {
  const field = lowerText(description)
  return {
    ...field,
    format: 'name',
    parse(raw) {
      const name = field.parse(raw)
      if (name !== '' && !shape.test(name)) throw new Error('a name has letters, digits, "_", and "-" and "." inside, in parts separated by "/"')
      return name
    },
  }
}

/** What a list of names is about; '' is the top. */
export const folderBelow = (prefix: string, folder: string): string => (folder === '' ? prefix : `${prefix}${folder}/`)

/** No two may change the password of the same account. Throws `bad_request`. */
export async function takeAccount(store: Transaction, username: string, by: string): Promise<void> {
  const found = await managed.read(store, username)
  if (found !== null && found.by !== by) throw badRequest(`${JSON.stringify(username)} is already managed by the secrets engine`)
  managed.write(store, { by }, username)
}
