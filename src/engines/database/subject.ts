/** What rotates: the administrator of a connection, or the account of a static role. Both are read and written alike. */
import type { Transaction } from '../../kit/store.ts'
import type { CredentialType } from './driver.ts'
import { textDetail } from './details.ts'
import { connections, reschedule, staticRoles, type Connection, type CredentialConfig, type Rotation, type RotatingKind, type Schedule, type Secret, type Successor } from './records.ts'

export interface SubjectName {
  readonly kind: RotatingKind
  readonly name: string
}

export interface Subject extends SubjectName {
  readonly connection: Connection
  readonly connectionName: string
  readonly username: string
  readonly credentialType: CredentialType
  readonly credentialConfig: CredentialConfig
  readonly statements: readonly string[]
  readonly schedule: Schedule | null
  readonly secret: Secret
  readonly rotation: Rotation
  readonly successor: Successor | null
}

/** Null: it is not there, or its connection is not. */
export async function readSubject(store: Transaction, { kind, name }: SubjectName): Promise<Subject | null> {
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

export type SubjectChange = Partial<Pick<Subject, 'secret' | 'rotation' | 'successor'>>

/** Another password, or another that may be the right one, makes another revision: open connections are not used any more. */
export function writeSubject(store: Transaction, subject: Subject, change: SubjectChange, random: (bytes: number) => Uint8Array): void {
  const { kind, name, connection } = subject
  reschedule(store, kind, name, subject.rotation.nextAt, change.rotation?.nextAt ?? subject.rotation.nextAt)
  if (kind === 'static') return writeStatic(store, subject, change)
  const { secret, ...rest } = change
  const details = secret === undefined ? connection.details : { ...connection.details, password: secret.password ?? '' }
  connections.write(store, { ...connection, ...rest, details, revision: Buffer.from(random(12)).toString('base64url') }, name)
}

function writeStatic(store: Transaction, subject: Subject, change: SubjectChange): void {
  const { connectionName: database, username, credentialType, credentialConfig, statements, secret, rotation, successor, name } = subject
  const schedule = subject.schedule ?? { periodSeconds: 0, cron: '', windowSeconds: 0 }
  staticRoles.write(store, { database, username, credentialType, credentialConfig, statements, schedule, secret, rotation, successor, ...change }, name)
}
