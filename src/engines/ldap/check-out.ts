/** `library/…/check-out`, `check-in` and `status`: an account belongs to whoever has checked it out, until it is back with another password. */
import type { LeaseKind } from '../../kit/engine.ts'
import { badRequest } from '../../kit/errors.ts'
import { duration, list, optional } from '../../kit/fields.ts'
import { path, type Call, type CallerView } from '../../kit/operation.ts'
import type { Outside } from '../../kit/outside.ts'
import { reply, type Data, type Result } from '../../kit/result.ts'
import { reschedule } from '../../kit/rotation/record.ts'
import { rotatingAll } from '../../kit/rotation/rotator.ts'
import type { Transaction } from '../../kit/store.ts'
import { resolveConfig } from './config.ts'
import { resolveAccount, resolveLibrary } from './library.ts'
import { hierarchicalName } from './names.ts'
import { accounts, type Account, type Borrower } from './records.ts'
import { accountName, keeper, readSubject, type Subject } from './rotation.ts'

export const leaseKind = 'check-out'

interface Internal {
  readonly [key: string]: unknown
  readonly library: string
  readonly username: string
  /** Of this check-out. */
  readonly id: string
}

const name = { name: hierarchicalName('Name of the library.') }

const checkOut = path('library/{name*}/check-out', name).write({
  summary: 'Check out an account that is free.',
  input: { ttl: optional(duration('How long it is wanted for, where that is less than the library says.')) },
  async handle({ params, input, store, caller, random, now }) {
    const library = await resolveLibrary(store, params.name)
    for (const username of library.accounts) {
      const account = await accounts.read(store, username)
      if (account === null || account.borrower !== null || account.isReturning || account.successor !== null || account.secret.password === undefined) continue
      const id = Buffer.from(random(16)).toString('base64url')
      accounts.write(store, { ...account, borrower: borrowerOf(caller, id) }, username)
      return reply({
        data: { service_account_name: username, password: account.secret.password },
        lease: { kind: leaseKind, ttlSeconds: ttlOf(library.ttl, input.ttl), maxTtlSeconds: library.maxTtl, renewable: true, internal: { library: params.name, username, id } satisfies Internal },
      })
    }
    throw badRequest(await isNextAt(store, library.accounts, now))
  },
})

const borrowerOf = (caller: CallerView | null, id: string): Borrower => ({ id, entityId: caller?.entityId ?? '', accessor: caller?.accessor ?? '' })

const ttlOf = (usual: number, asked: number | undefined): number => (asked === undefined || asked === 0 ? usual : usual <= 0 ? asked : Math.min(usual, asked))

/** One that waits for its new password comes soon. */
async function isNextAt(store: Transaction, usernames: readonly string[], now: number): Promise<string> {
  const text = 'No service accounts available for check-out.'
  for (const username of usernames) {
    const account = await accounts.read(store, username)
    if (account?.isReturning !== true) continue
    const { nextAt, failure } = account.rotation
    return `${text} ${JSON.stringify(username)} is about to get another password${failure === '' ? '' : `, which failed: ${failure}`}${nextAt > now ? `; next attempt in ${Math.ceil((nextAt - now) / 1000)} seconds` : ''}.`
  }
  return text
}

const checkInFields = { service_account_names: optional(list('The accounts; one that the caller alone has checked out need not be named.')) }
type CheckInCall = Call<{ readonly name: string }, { readonly service_account_names?: readonly string[] }>

const checkIn = path('library/{name*}/check-in', name).write({
  summary: 'Check in what the caller has checked out. It gets another password.',
  input: checkInFields,
  handle: (call) => checkInAs(call, false),
})

const manageCheckIn = path('library/manage/{name*}/check-in', name).write({
  summary: 'Check in what anybody has checked out.',
  input: checkInFields,
  handle: (call) => checkInAs(call, true),
})

async function checkInAs(call: CheckInCall, isManager: boolean): Promise<Result | Outside> {
  const { params, input, store } = call
  await resolveConfig(store)
  const library = await resolveLibrary(store, params.name)
  const mayAll = isManager || library.disableEnforcement
  const named = input.service_account_names ?? []
  const back = named.length > 0 ? await namedOf(call, named, mayAll) : await ownOf(call, library.accounts, mayAll)
  if (back.length === 0) return { check_ins: [] }
  const subjects: Subject[] = []
  for (const username of back) subjects.push(await comingBack(store, params.name, username))
  return await rotatingAll(keeper, call, subjects, { answer: { check_ins: back } })
}

const isLent = ({ borrower, isReturning }: Account): boolean => borrower !== null && !isReturning

async function namedOf({ params, store, caller }: CheckInCall, named: readonly string[], mayAll: boolean): Promise<readonly string[]> {
  const back: string[] = []
  for (const username of new Set(named)) {
    const account = await resolveAccount(store, params.name, username)
    if (!isLent(account)) continue
    if (!mayAll && !isBorrower(account.borrower, caller)) throw badRequest(`${JSON.stringify(username)} can't be checked in because it wasn't checked out by the caller`)
    back.push(username)
  }
  return back
}

async function ownOf({ params, store, caller }: CheckInCall, all: readonly string[], mayAll: boolean): Promise<readonly string[]> {
  const back: string[] = []
  for (const username of all) {
    const account = await resolveAccount(store, params.name, username)
    if (isLent(account) && (mayAll || isBorrower(account.borrower, caller))) back.push(username)
  }
  if (back.length > 1) throw badRequest("when multiple service accounts are checked out, the 'service_account_names' to check in must be provided")
  return back
}

function isBorrower(borrower: Borrower | null, caller: CallerView | null): boolean {
  if (borrower === null || caller === null) return false
  const isSame = (one: string, other: string): boolean => one !== '' && one === other
  return isSame(borrower.entityId, caller.entityId) || isSame(borrower.accessor, caller.accessor)
}

async function comingBack(store: Transaction, library: string, username: string): Promise<Subject> {
  accounts.write(store, { ...(await resolveAccount(store, library, username)), isReturning: true }, username)
  const subject = await readSubject(store, accountName(username))
  if (subject === null) throw badRequest('missing LDAP configuration')
  return subject
}

const status = path('library/{name*}/status', name).read({
  summary: 'Show which accounts are free, and who has the others.',
  async handle({ params, store }) {
    const library = await resolveLibrary(store, params.name)
    const shown: [string, Data][] = []
    for (const username of library.accounts) shown.push([username, statusOf(await resolveAccount(store, params.name, username))])
    return Object.fromEntries(shown)
  },
})

function statusOf({ borrower, isReturning, rotation: { failure } }: Account): Data {
  if (borrower === null && !isReturning) return { available: true }
  return {
    available: false,
    ...(isReturning ? { returning: true } : {}),
    ...(failure === '' ? {} : { last_rotation_error: failure }),
    ...(borrower === null || borrower.accessor === '' ? {} : { borrower_client_token: borrower.accessor }),
    ...(borrower === null || borrower.entityId === '' ? {} : { borrower_entity_id: borrower.entityId }),
  }
}

async function lentBy(store: Transaction, { username, id }: Internal): Promise<Account | null> {
  const account = await accounts.read(store, username)
  return account?.borrower?.id === id ? account : null
}

export const checkOutLeases: LeaseKind = {
  async renew({ store, internal }) {
    const lent = internal as Internal
    const library = await resolveLibrary(store, lent.library)
    const account = await lentBy(store, lent)
    if (account === null || account.isReturning) throw badRequest(`${lent.username} is already checked in, please call check-out to regain it`)
    return { ttlSeconds: library.ttl, maxTtlSeconds: library.maxTtl }
  },
  // The account is nobody’s until it has another password; the chore that sees to that tries as long as it takes.
  async revoke({ store, now, internal }) {
    const lent = internal as Internal
    const account = await lentBy(store, lent)
    if (account === null || account.isReturning) return
    accounts.write(store, { ...account, isReturning: true, rotation: { ...account.rotation, nextAt: now } }, lent.username)
    reschedule(store, accountName(lent.username), account.rotation.nextAt, now)
  },
}

export const checkOutOperations = [checkOut, checkIn, manageCheckIn, status]
