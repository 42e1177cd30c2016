/** What the operations on a role share: its name in the path, finding it, and the pages of lists. */
import { ApiError, badRequest } from '../../kit/errors.ts'
import { anyCase, defaulted, integer, nameText, text } from '../../kit/fields.ts'
import type { ListOptions, Transaction } from '../../kit/store.ts'
import { roles, type Role } from './records.ts'

export const roleParams = { role_name: anyCase(nameText('Name of the role; upper and lower case do not differ.')) }

/** The role of this name in any case, or null. */
export const findRole = (store: Pick<Transaction, 'get'>, name: string): Promise<Role | null> => roles.read(store, name.toLowerCase())

const noSuchRole = (name: string): string => `role ${JSON.stringify(name)} does not exist`
/** How Vault tells that there is no such role: it depends on the path. */
const refusals = {
  path: () => new ApiError('unsupported_path', '1 error occurred:\n\t* unsupported path\n\n'),
  notFound: (name: string) => new ApiError('not_found', noSuchRole(name)),
  badRequest: (name: string) => badRequest(noSuchRole(name)),
  listed: (name: string) => badRequest(`1 error occurred:\n\t* ${noSuchRole(name)}\n\n`),
}

/** Throws, in the way that the path has, when there is no such role. */
export async function resolveRole(store: Pick<Transaction, 'get'>, name: string, refusal: keyof typeof refusals): Promise<Role> {
  const role = await findRole(store, name)
  if (role === null) throw refusals[refusal](name)
  return role
}

export const pageFields = {
  after: defaulted(text('Only those after this one.'), ''),
  limit: defaulted(integer('At most so many; 0 or less: all.'), 0),
}

export const pageOf = ({ after, limit }: { readonly after: string; readonly limit: number }): ListOptions => (limit > 0 ? { after, limit } : { after })
