/** `creds/`: users that live as long as their lease. */
import { randomName } from '../../crypto/name-template.ts'
import type { LeaseKind } from '../../kit/engine.ts'
import { ApiError, badRequest } from '../../kit/errors.ts'
import { nameText } from '../../kit/fields.ts'
import { path } from '../../kit/operation.ts'
import { NothingDone, outside } from '../../kit/outside.ts'
import type { Transaction } from '../../kit/store.ts'
import { managementOf, nameTaken, withinSeconds, type Management } from './management.ts'
import { connection, roles, terms, type Connection, type Role } from './records.ts'
import { makeUsername } from './username.ts'

export const leaseKind = 'creds'
const passwordLength = 36

interface Internal {
  readonly [key: string]: unknown
  readonly username: string
}

async function resolveConnection(store: Transaction): Promise<Connection> {
  const found = await connection.read(store)
  if (found === null) throw badRequest('the connection is not configured: write config/connection first')
  return found
}

async function createNew(management: Management, username: string, password: string, role: Role): Promise<void> {
  const isTaken = await management.hasUser(username).catch((error: unknown) => Promise.reject(error instanceof ApiError ? new NothingDone(error.code, error.message, { cause: error }) : error))
  if (isTaken) throw nameTaken()
  await management.createUser(username, password, role)
}

export const creds = path('creds/{name}', { name: nameText('Name of the role.') }).read({
  summary: 'Make a user.',
  async handle({ params: { name }, store, caller, now, random, makePassword }) {
    const role = await roles.read(store, name)
    if (role === null) throw badRequest(`unknown role: ${name}`)
    const settings = await resolveConnection(store)
    const username = makeUsername(settings.usernameTemplate, { role: name, caller, now, random })
    const password = settings.passwordPolicy === '' ? randomName(passwordLength, random) : await makePassword(settings.passwordPolicy)
    const { ttl, maxTtl } = (await terms.read(store)) ?? { ttl: 0, maxTtl: 0 }
    return outside({
      lease: { kind: leaseKind, ttlSeconds: ttl, maxTtlSeconds: maxTtl, renewable: true, internal: { username } satisfies Internal },
      withinSeconds,
      act: ({ signal }) => createNew(managementOf(settings, signal), username, password, role),
      finish: () => ({ username, password }),
    })
  },
})

export const credsLeases: LeaseKind = {
  async renew({ store }) {
    const found = await terms.read(store)
    return { ttlSeconds: found?.ttl ?? 0, maxTtlSeconds: found?.maxTtl ?? 0 }
  },
  async revoke({ store, internal }) {
    await managementOf(await resolveConnection(store), new AbortController().signal).deleteUser((internal as Internal).username)
  },
}
