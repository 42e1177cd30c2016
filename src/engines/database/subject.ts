/** What rotates: the administrator of a connection, or the account of a static role. Both are read and written alike. */
import { reschedule, type RotatingName } from '../../kit/rotation/record.ts'
import type { Change, Rotating } from '../../kit/rotation/rotator.ts'
import type { Transaction } from '../../kit/store.ts'
import type { CredentialType } from './driver.ts'
import { textDetail } from './details.ts'
import { connections, staticRoles, type Connection, type CredentialConfig, type Secret } from './records.ts'

/** Of the kind `root` or `static`. */
export interface Subject extends Rotating<Secret> {
  readonly connection: Connection
  readonly connectionName: string
  readonly username: string
  readonly credentialType: CredentialType
  readonly credentialConfig: CredentialConfig
  readonly statements: readonly string[]
  readonly secret: Secret
}

/** Null: it is not there, or its connection is not. */
export async function readSubject(store: Transaction, { kind, name }: RotatingName): Promise<Subject | null> {
  if (kind === 'static') return await readStatic(store, name)
  const connection = await connections.read(store, name)
  if (connection === null) return null
  const { details, rotationStatements, schedule, rotation, successor } = connection
  return {
    kind, name, connection, connectionName: name, username: textDetail(details, 'username'), credentialType: 'password', credentialConfig: {},
    statements: rotationStatements, schedule, secret: { password: textDetail(details, 'password') }, rotation, successor,
  }
}

async function readStatic(store: Transaction, name: string): Promise<Subject | null> {
  const role = await staticRoles.read(store, name)
  const connection = role === null ? null : await connections.read(store, role.database)
  return role === null || connection === null ? null : { ...role, kind: 'static', name, connection, connectionName: role.database }
}

/** Another password, or another that may be the right one, makes another revision: open connections are not used any more. */
export function writeSubject(store: Transaction, subject: Subject, change: Change<Secret>, random: (bytes: number) => Uint8Array): void {
  const { kind, name, connection } = subject
  reschedule(store, subject, subject.rotation.nextAt, change.rotation?.nextAt ?? subject.rotation.nextAt)
  if (kind === 'static') return writeStatic(store, subject, change)
  const { secret, ...rest } = change
  const details = secret === undefined ? connection.details : { ...connection.details, password: secret.password ?? '' }
  connections.write(store, { ...connection, ...rest, details, revision: Buffer.from(random(12)).toString('base64url') }, name)
}

function writeStatic(store: Transaction, subject: Subject, change: Change<Secret>): void {
  const { connectionName: database, username, credentialType, credentialConfig, statements, secret, rotation, successor, name } = subject
  const schedule = subject.schedule ?? { periodSeconds: 0, cron: '', windowSeconds: 0 }
  staticRoles.write(store, { database, username, credentialType, credentialConfig, statements, schedule, secret, rotation, successor, ...change }, name)
}
