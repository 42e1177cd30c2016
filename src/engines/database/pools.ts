/** The open connections of this process, by mount and connection. What was opened for an older configuration is never used. */
import { badRequest } from '../../kit/errors.ts'
import type { JsonObject } from '../../kit/json.ts'
import { limitsOf, textDetail, withinOf, type Limits } from './details.ts'
import { LoginRefused, textOf, type Driver, type Login, type Session, type Target } from './driver.ts'
import { driverOf } from './drivers/list.ts'
import { inTime, Pool } from './pool.ts'
import type { Connection } from './records.ts'

/** A connection that can be used. */
export interface Database {
  readonly driver: Driver
  readonly target: Target
  readonly limits: Limits
  readonly pool: Pool
  /** Seconds that one operation may take, all in all. */
  readonly withinSeconds: number
}

interface Kept {
  readonly revision: string
  readonly database: Database
}

export class Pools {
  readonly #kept = new Map<string, Kept>()

  /** Opens nothing by itself. Throws `bad_request` when the configuration makes no sense. */
  of(mountUuid: string, name: string, connection: Connection): Database {
    const key = `${mountUuid}/${name}`
    const known = this.#kept.get(key)
    if (known?.revision === connection.revision) return known.database
    known?.database.pool.close()
    const database = databaseOf(connection)
    this.#kept.set(key, { revision: connection.revision, database })
    return database
  }

  forget(mountUuid: string, name: string): void {
    const key = `${mountUuid}/${name}`
    this.#kept.get(key)?.database.pool.close()
    this.#kept.delete(key)
  }

  closeAll(): void {
    for (const { database } of this.#kept.values()) database.pool.abandon()
    this.#kept.clear()
  }
}

function databaseOf(connection: Connection): Database {
  const driver = driverOf(connection.plugin)
  const limits = limitsOf(connection.details)
  const target = driver.target(connection.details)
  const logins = candidates(target, connection)
  return { driver, target, limits, withinSeconds: withinOf(limits), pool: new Pool((signal) => connectAny(target, logins, signal), limits) }
}

/** While the password of the administrator is being rotated either may be the right one. */
function candidates({ login }: Target, { successor }: Connection): readonly Login[] {
  const next = successor?.secret.password
  return next === undefined ? [login] : [login, { username: login.username, password: next }]
}

async function connectAny(target: Target, logins: readonly Login[], signal: AbortSignal): Promise<Session> {
  for (const [at, login] of logins.entries()) {
    try {
      return await target.connect(login, signal)
    } catch (error) {
      if (!(error instanceof LoginRefused) || at === logins.length - 1) throw error
    }
  }
  throw badRequest('there is no login to connect with')
}

/** Runs `work` on a connection of somebody else than the administrator, logged in by the first of `logins` that is taken. Errors are as those of a pool. */
export async function useAs(database: Pick<Database, 'target' | 'limits'>, logins: readonly Login[], signal: AbortSignal, work: (session: Session) => Promise<void>): Promise<void> {
  const { target, limits } = database
  const session = await inTime((inside) => connectAny(target, logins, inside), signal, limits)
  const over = AbortSignal.any([signal, AbortSignal.timeout(limits.operationSeconds * 1000)])
  const stop = (): void => session.close()
  over.addEventListener('abort', stop, { once: true })
  try {
    await work(session)
  } finally {
    over.removeEventListener('abort', stop)
    session.close()
  }
}

/** Whether somebody can log in: `refused` only when the database says that the password is wrong. */
export async function probe({ target, limits }: Pick<Database, 'target' | 'limits'>, login: Login, signal: AbortSignal): Promise<'works' | 'refused' | { readonly unknown: string }> {
  try {
    const session = await inTime((inside) => target.connect(login, inside), signal, limits)
    session.close()
    return 'works'
  } catch (error) {
    return error instanceof LoginRefused ? 'refused' : { unknown: textOf(error) }
  }
}

/** Checks a configuration by logging in. Throws `bad_request` with Vault's words. */
export async function verifyDetails(driver: Driver, details: JsonObject): Promise<void> {
  const target = driver.target(details)
  try {
    const session = await inTime((signal) => target.connect(target.login, signal), new AbortController().signal, limitsOf(details))
    session.close()
  } catch (error) {
    throw badRequest(`error creating database object: error verifying connection: ${withoutSecrets(textOf(error), [textDetail(details, 'password'), target.login.password])}`, { cause: error })
  }
}

/** Databases quote what they do not understand. */
export const withoutSecrets = (text: string, secrets: readonly (string | undefined)[]): string =>
  secrets.reduce<string>((left, secret) => (secret === undefined || secret === '' ? left : left.replaceAll(secret, '[password]')), text)
