/** `creds/`: users that live as long as their lease. */
import { plainName } from '../../crypto/name-template.ts'
import type { LeaseCall, LeaseKind } from '../../kit/engine.ts'
import { ApiError, badRequest } from '../../kit/errors.ts'
import { nameText } from '../../kit/fields.ts'
import { path } from '../../kit/operation.ts'
import { NothingDone, outside } from '../../kit/outside.ts'
import type { Transaction } from '../../kit/store.ts'
import { resolveConnection } from './connections.ts'
import { credentialFor, type Made } from './credentials.ts'
import { unsupportedCredential, textOf, type NewUser } from './driver.ts'
import { withoutSecrets, type Database, type Pools } from './pools.ts'
import { isSelfManaged, roles, type Connection, type Role, type Secret } from './records.ts'
import { makeUsername } from './username.ts'

export const leaseKind = 'creds'

/** What the database knows of the time is a little later than the lease, which is what counts. */
const marginMs = 5_000

export interface Internal {
  readonly [key: string]: unknown
  readonly username: string
  readonly role: string
  readonly database: string
  /** Of the role as it was, for when it is gone. */
  readonly revocation: readonly string[]
}

/** Throws `bad_request` with Vault's words. */
export function checkAllowed({ allowedRoles }: Connection, role: string): void {
  if (!allowedRoles.some((pattern) => isLike(pattern, role))) throw badRequest(`${JSON.stringify(role)} is not an allowed role`)
}

function isLike(pattern: string, name: string): boolean {
  if (pattern === '*') return true
  const [starts, ends] = [pattern.endsWith('*'), pattern.startsWith('*')]
  const core = pattern.slice(ends ? 1 : 0, starts ? -1 : undefined)
  if (starts && ends) return name.includes(core)
  return starts ? name.startsWith(core) : ends ? name.endsWith(core) : name === pattern
}

/** Runs `work`, and takes what nobody may see out of what it throws. */
export async function guarded<T>(connection: Connection, secrets: readonly Pick<Secret, 'password'>[], work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const known = [String(connection.details['password'] ?? ''), connection.successor?.secret.password, ...secrets.map(({ password }) => password)]
    const message = withoutSecrets(textOf(error), known)
    if (!(error instanceof ApiError)) throw new ApiError('bad_gateway', message)
    throw message === error.message ? error : error instanceof NothingDone ? new NothingDone(error.code, message) : new ApiError(error.code, message)
  }
}

export function credsOperations(pools: Pools) {
  const creds = path('creds/{name}', { name: nameText('Name of the role.') }).read({
    summary: 'Make a user.',
    async handle(call) {
      const { params: { name }, store, mount } = call
      const role = await roles.read(store, name)
      if (role === null) throw badRequest(`unknown role: ${name}`)
      const connection = await resolveConnection(store, role.database)
      checkAllowed(connection, name)
      if (isSelfManaged(connection)) throw badRequest('a connection with self_managed has nobody who makes users: it is for static roles')
      const database = pools.of(mount.uuid, role.database, connection)
      if (!database.driver.credentialTypes.includes(role.credentialType)) throw unsupportedCredential(role.credentialType)
      const username = makeUsername(database.driver, connection, { ...call, role: name })
      const make = await credentialFor(call, { role, roleName: name, username, displayName: plainName(call.caller?.displayName ?? ''), policyOfConnection: connection.passwordPolicy })
      let shown: Made['shown'] = {}
      const act = async (signal: AbortSignal, expiresAt: number): Promise<void> => {
        const made = await make(expiresAt)
        shown = made.shown
        await guarded(connection, [made.shown], () => createUser(database, role, { username, credential: made.credential, expiresAt }, signal))
      }
      return outside({
        // A certificate cannot be given another end.
        lease: { kind: leaseKind, ttlSeconds: role.defaultTtl, maxTtlSeconds: role.maxTtl, renewable: role.credentialType !== 'client_certificate', internal: { username, role: name, database: role.database, revocation: role.revocation } satisfies Internal },
        withinSeconds: database.withinSeconds,
        act: ({ signal, expiresAt }) => act(signal, expiresAt + marginMs),
        finish: () => ({ username, ...shown }),
      })
    },
  })
  return [creds]
}

function createUser({ pool }: Database, role: Role, user: Pick<NewUser, 'username' | 'credential' | 'expiresAt'>, signal: AbortSignal): Promise<void> {
  return pool.use('foreground', signal, (session) => session.createUser({ ...user, statements: role.creation, rollbackStatements: role.rollback }))
}

/** The statements of the role as it is, so that whoever corrects them helps users that are there already. */
const revocationOf = async (store: Transaction, { role, revocation }: Internal): Promise<readonly string[]> => (await roles.read(store, role))?.revocation ?? revocation

export function credsLeases(pools: Pools): LeaseKind {
  const open = async ({ store, mount }: LeaseCall, name: string): Promise<{ connection: Connection; database: Database }> => {
    const connection = await resolveConnection(store, name)
    return { connection, database: pools.of(mount.uuid, name, connection) }
  }
  return {
    backend: ({ database }) => String(database),
    async renew(call) {
      const { username, role: name, database: where } = call.internal as Internal
      const role = await roles.read(call.store, name)
      if (role === null) throw badRequest(`error during renew: could not find role with name ${JSON.stringify(name)}`)
      const { connection, database } = await open(call, where)
      const extend = (expiresAt: number): Promise<void> => guarded(connection, [], () =>
        database.pool.use('foreground', new AbortController().signal, (session) => session.setExpiration(username, expiresAt + marginMs, role.renewal)))
      return { ttlSeconds: role.defaultTtl, maxTtlSeconds: role.maxTtl, extend }
    },
    async revoke(call) {
      const internal = call.internal as Internal
      const statements = await revocationOf(call.store, internal)
      // Where it was made, wherever the role makes them now.
      const { connection, database } = await open(call, internal.database)
      await guarded(connection, [], () => database.pool.use('background', new AbortController().signal, (session) => session.dropUser(internal.username, statements)))
    },
  }
}
