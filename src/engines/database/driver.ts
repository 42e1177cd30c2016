/** What a kind of database must be able to do. One contract suite (`testing/contract.ts`) runs against each that can be started in a test. */
import { ApiError, badRequest } from '../../kit/errors.ts'
import type { JsonObject } from '../../kit/json.ts'
import { NothingDone } from '../../kit/outside.ts'

export type CredentialType = 'password' | 'rsa_private_key' | 'client_certificate'

/** What the database is told of a credential: of keys and certificates only what is public. */
export type Credential =
  | { readonly type: 'password'; readonly password: string }
  | { readonly type: 'rsa_private_key'; readonly publicKey: string }
  | { readonly type: 'client_certificate'; readonly subject: string }

export interface NewUser {
  readonly username: string
  readonly credential: Credential
  /** Milliseconds since 1970. */
  readonly expiresAt: number
  readonly statements: readonly string[]
  /** Run when creating fails midway, where the database has no transactions for it. */
  readonly rollbackStatements: readonly string[]
}

/**
 * A connection that somebody is logged in on. `statements` are those of the role; where there are none the driver has its own. After `close` whatever is
 * under way fails. All throw `ApiError`s: `bad_request` for what the database refuses, `bad_gateway` for what comes of the connection.
 */
export interface Session {
  readonly isOpen: () => boolean
  /** Throws when the other side is gone. */
  readonly check: () => Promise<void>
  readonly createUser: (user: NewUser) => Promise<void>
  /** Idempotent: a user that is not there any more is dropped. */
  readonly dropUser: (username: string, statements: readonly string[]) => Promise<void>
  readonly setCredential: (username: string, credential: Credential, statements: readonly string[]) => Promise<void>
  readonly setExpiration: (username: string, expiresAt: number, statements: readonly string[]) => Promise<void>
  readonly close: () => void
}

export interface Login {
  readonly username: string
  readonly password: string
}

/** A configuration that makes sense, not yet connected. */
export interface Target {
  /** As whom the configuration logs in; '' for nobody or somebody unknown. */
  readonly login: Login
  /** Throws `LoginRefused` or `Unreachable`; gives up when `signal` aborts. */
  readonly connect: (login: Login, signal: AbortSignal) => Promise<Session>
}

export interface Driver {
  /** Names that connections choose it by. */
  readonly plugins: readonly string[]
  readonly credentialTypes: readonly CredentialType[]
  /** For names of users, where the connection has none of its own. */
  readonly usernameTemplate: string
  /** Details of the connection that are never shown, besides those of all drivers. */
  readonly secretDetails: readonly string[]
  /** Throws `bad_request`, naming the detail. */
  readonly target: (details: JsonObject) => Target
}

/** Nobody there, or nobody who answers: nothing was done. */
export class Unreachable extends NothingDone {
  constructor(message: string, options: ErrorOptions = {}) {
    super('bad_gateway', message, options)
  }
}

/** The database knows this user, or says so, and not this password. */
export class LoginRefused extends NothingDone {
  constructor(message: string, options: ErrorOptions = {}) {
    super('bad_request', message, options)
  }
}

/** The connection broke while something was under way: it may be done or not. */
export const connectionLost = (cause: unknown): ApiError => new ApiError('bad_gateway', `the connection to the database was lost: ${textOf(cause)}`, { cause })

export const textOf = (error: unknown): string => (error instanceof Error ? error.message : 'failed')

/** The package of a driver, which whoever wants the driver installs. Throws `bad_request` when it is not there. */
export async function loadPeer<T>(name: string): Promise<T> {
  try {
    return (await import(name)) as T
  } catch (cause) {
    throw badRequest(`the package "${name}" is not installed: npm install ${name}`, { cause })
  }
}

/** Dialects that have no such thing. */
export const unsupportedCredential = (type: CredentialType): ApiError => badRequest(`unsupported credential_type: ${JSON.stringify(type)}`)

/** Of dialects that know nothing else. Throws `bad_request`. */
export function passwordOf(credential: Credential): string {
  if (credential.type !== 'password') throw unsupportedCredential(credential.type)
  return credential.password
}

/**
 * Does `work` unless `signal` has aborted, and waits for it no longer than until that: packages forget whoever waits on a connection that is closed, and some
 * open it again for whoever comes later.
 */
export function whileOpen<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(new Error('the connection was closed'))
    if (signal.aborted) return stop()
    signal.addEventListener('abort', stop, { once: true })
    work().then(resolve, reject).finally(() => signal.removeEventListener('abort', stop))
  })
}

/** What would change or remove a user that is there already. */
export const nameTaken = (): NothingDone => new NothingDone('bad_request', 'failed to execute: there is a user of that name already; username_template must give another name each time')

/** A refusal after which everything is as it was: nothing must be undone, least of all a user that was there before. Other errors stay what they are. */
export const asNothingDone = (error: unknown): unknown => (error instanceof ApiError && error.code === 'bad_request' && !(error instanceof NothingDone) ? new NothingDone(error.code, error.message, { cause: error.cause }) : error)

/**
 * Creates a user by statements that take effect one by one. When the first one is refused nothing was done; when a later one is, or it is not known, `undo`
 * clears away what it can.
 */
export async function createInOrder(statements: readonly string[], execute: (statement: string) => Promise<void>, undo: () => Promise<void>): Promise<void> {
  for (const [at, statement] of statements.entries()) {
    try {
      await execute(statement)
    } catch (error) {
      if (at === 0) throw asNothingDone(error)
      await undo().catch(() => undefined)
      throw error
    }
  }
}
