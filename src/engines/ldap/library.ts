/** `library/`: sets of accounts that are lent, one to somebody at a time. */
import { badRequest } from '../../kit/errors.ts'
import { duration, flag, list, optional, type ValuesOf } from '../../kit/fields.ts'
import { path, type Call } from '../../kit/operation.ts'
import type { Outside } from '../../kit/outside.ts'
import { listed } from '../../kit/result.ts'
import { reschedule } from '../../kit/rotation/record.ts'
import { rotatingAll } from '../../kit/rotation/rotator.ts'
import { never } from '../../kit/rotation/schedule.ts'
import type { Transaction } from '../../kit/store.ts'
import { listPage, pageFields } from '../walk.ts'
import { resolveConfig } from './config.ts'
import { folderBelow, hierarchicalName, takeAccount } from './names.ts'
import { accounts, libraries, managed, type Account, type Library } from './records.ts'
import { accountName, keeper, readSubject, type Subject } from './rotation.ts'

const dayHours = 86_400
const accountsMax = 100

const fields = {
  service_account_names: optional(list('The accounts. They must be there.')),
  ttl: optional(duration('How long one is lent; default 24 hours.')),
  max_ttl: optional(duration('How long that can be renewed for; default 24 hours.')),
  disable_check_in_enforcement: optional(flag('Let anybody check in what somebody else has checked out.')),
}
type WriteCall = Call<{ readonly name: string }, ValuesOf<typeof fields>>

/** Throws `bad_request` with Vault's words. */
export async function resolveLibrary(store: Transaction, name: string): Promise<Library> {
  const found = await libraries.read(store, name)
  if (found === null) throw badRequest(`${JSON.stringify(name)} doesn't exist`)
  return found
}

/** What an account of a library is; the record is there for as long as the library has it. */
export async function resolveAccount(store: Transaction, library: string, username: string): Promise<Account> {
  const found = await accounts.read(store, username)
  if (found === null || found.library !== library) throw badRequest(`${JSON.stringify(username)} is not an account of ${JSON.stringify(library)}`)
  return found
}

/** Names of other paths below. */
function checkName(name: string): void {
  const parts = name.split('/')
  if (parts[0] === 'manage' || ['check-in', 'check-out', 'status'].includes(parts.at(-1) ?? '')) throw badRequest(`${JSON.stringify(name)} cannot be the name of a library`)
}

function changed({ input }: WriteCall, before: Library | null): Library {
  const names = input.service_account_names ?? before?.accounts ?? []
  if (names.length === 0) throw badRequest(before === null ? "'service_account_names' must be provided" : 'at least one service account must be configured')
  const unique = new Map(names.map((name) => [name.toLowerCase(), name]))
  if (unique.size > accountsMax) throw badRequest(`a library may have ${accountsMax} accounts`)
  const ttl = input.ttl ?? before?.ttl ?? dayHours
  const maxTtl = input.max_ttl ?? before?.maxTtl ?? Math.max(dayHours, ttl)
  if (maxTtl > 0 && maxTtl < ttl) throw badRequest(`max_ttl (${maxTtl} seconds) may not be less than ttl (${ttl} seconds)`)
  return { accounts: [...unique.values()], ttl, maxTtl, disableEnforcement: input.disable_check_in_enforcement ?? before?.disableEnforcement ?? false }
}

const isIn = (names: readonly string[], name: string): boolean => names.some((other) => other.toLowerCase() === name.toLowerCase())

const library = path('library/{name*}', { name: hierarchicalName('Name of the library; parts are separated by `/`.') })

const write = library.write({
  summary: 'Create or change a library. Each new account gets another password.',
  input: fields,
  exists: async ({ params, store }) => (await libraries.read(store, params.name)) !== null,
  async handle(call) {
    const { params: { name }, store } = call
    checkName(name)
    const before = await libraries.read(store, name)
    const made = changed(call, before)
    await resolveConfig(store)
    const added = made.accounts.filter((username) => !isIn(before?.accounts ?? [], username))
    for (const username of before?.accounts ?? []) if (!isIn(made.accounts, username)) await dropAccount(store, name, username)
    const subjects: Subject[] = []
    for (const username of added) subjects.push(await addAccount(store, name, username))
    libraries.write(store, made, name)
    return added.length === 0 ? null : await takeOver(call, subjects, before)
  },
})

/** New accounts belong to nobody until nobody knows their password. */
function takeOver(call: WriteCall, subjects: readonly Subject[], before: Library | null): Promise<Outside> {
  const { name } = call.params
  return rotatingAll(keeper, call, subjects, {
    dropped(store) {
      for (const { name: username } of subjects) {
        accounts.remove(store, username)
        managed.remove(store, username)
      }
      if (before === null) libraries.remove(store, name)
      else libraries.write(store, before, name)
    },
  })
}

async function addAccount(store: Transaction, library: string, username: string): Promise<Subject> {
  await takeAccount(store, username, `library/${library}`)
  accounts.write(store, { library, secret: {}, borrower: null, isReturning: true, rotation: never, successor: null }, username)
  const subject = await readSubject(store, accountName(username))
  if (subject === null) throw badRequest('missing LDAP configuration')
  return subject
}

/** Throws `bad_request` with Vault's words. */
async function dropAccount(store: Transaction, library: string, username: string): Promise<void> {
  const account = await accounts.read(store, username)
  if (account === null || account.library !== library) return
  if (account.borrower !== null) throw badRequest(`${JSON.stringify(username)} can't be deleted because it is currently checked out`)
  reschedule(store, accountName(username), account.rotation.nextAt, 0)
  accounts.remove(store, username)
  managed.remove(store, username)
}

const read = library.read({
  summary: 'Show a library.',
  async handle({ params, store }) {
    const found = await libraries.read(store, params.name)
    return found === null ? null : { service_account_names: found.accounts, ttl: found.ttl, max_ttl: found.maxTtl, disable_check_in_enforcement: found.disableEnforcement }
  },
})

const remove = library.delete({
  summary: 'Forget a library, all of whose accounts must be checked in. They stay as they are.',
  async handle({ params: { name }, store }) {
    const found = await libraries.read(store, name)
    for (const username of found?.accounts ?? []) await dropAccount(store, name, username)
    libraries.remove(store, name)
    return null
  },
})

const listAll = library.list({
  summary: 'List the libraries, all or those of a folder.',
  input: pageFields,
  handle: async ({ params, store, input }) => listed(await listPage(store, folderBelow('library/', params.name), input)),
})

export const libraryOperations = [listAll, write, read, remove]
