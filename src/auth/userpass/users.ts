/** Users: making, changing, showing and deleting them. */
import { hashPassword, passwordLengthMax } from '../../crypto/password.ts'
import { badRequest } from '../../kit/errors.ts'
import { anyCase, defaulted, integer, list, nameText, optional, secret, text } from '../../kit/fields.ts'
import { path } from '../../kit/operation.ts'
import { listed } from '../../kit/result.ts'
import { changedTokenSettings, freshTokenSettings, oldTokenFields, shownTokenSettings, tokenFields } from '../../kit/token-fields.ts'
import { users } from './records.ts'

const params = { username: anyCase(nameText('Name of the user; upper and lower case do not differ.')) }
const user = path('users/{username}', params)
const password = optional(secret(text('The password.')))

function checkPassword(given: string | undefined): string {
  if (given === undefined || given === '') throw badRequest('missing password')
  if (given.length > passwordLengthMax) throw badRequest(`the password is longer than ${passwordLengthMax} characters`)
  return given
}

const writeUser = user.write({
  summary: 'Create or change a user.',
  input: { password, ...tokenFields, ...oldTokenFields },
  exists: async ({ params: { username }, store }) => (await users.read(store, username.toLowerCase())) !== null,
  async handle({ params: { username }, input, store }) {
    const name = username.toLowerCase()
    const before = await users.read(store, name)
    const token = changedTokenSettings(before?.token ?? freshTokenSettings, input)
    const passwordHash = before !== null && input.password === undefined ? before.passwordHash : await hashPassword(checkPassword(input.password))
    users.write(store, { name, passwordHash, token }, name)
    return null
  },
})

const readUser = user.read({
  summary: 'Show a user.',
  async handle({ params: { username }, store }) {
    const found = await users.read(store, username.toLowerCase())
    return found === null ? null : { ...shownTokenSettings(found.token) }
  },
})

const deleteUser = user.delete({
  summary: 'Delete a user; the tokens that it has live on.',
  handle({ params: { username }, store }) {
    users.remove(store, username.toLowerCase())
    return null
  },
})

const listUsers = path('users').list({
  summary: 'List the users.',
  input: { after: defaulted(text('Only those after this one.'), ''), limit: defaulted(integer('At most so many; 0 or less: all.'), 0) },
  handle: async ({ store, input }) => listed(await store.list('user/', { after: input.after, ...(input.limit > 0 ? { limit: input.limit } : {}) })),
})

const unknownUser = '1 error occurred:\n\t* username does not exist\n\n'

const changePassword = path('users/{username}/password', params).write({
  summary: 'Change the password of a user.',
  input: { password },
  async handle({ params: { username }, input, store }) {
    const found = await users.read(store, username.toLowerCase())
    if (found === null) throw badRequest(unknownUser)
    users.write(store, { ...found, passwordHash: await hashPassword(checkPassword(input.password)) }, found.name)
    return null
  },
})

const changePolicies = path('users/{username}/policies', params).write({
  summary: 'Change the policies of a user.',
  input: { token_policies: tokenFields.token_policies, policies: optional(list('Old name of token_policies.')) },
  async handle({ params: { username }, input, store }) {
    const found = await users.read(store, username.toLowerCase())
    if (found === null) throw badRequest(unknownUser)
    users.write(store, { ...found, token: changedTokenSettings(found.token, input) }, found.name)
    return null
  },
})

export const userOperations = [writeUser, readUser, deleteUser, listUsers, changePassword, changePolicies]
