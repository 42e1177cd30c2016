/** How the administrator of a connection and the accounts of static roles are rotated. The order of the steps is that of `src/kit/rotation/machine.ts`. */
import type { MountView } from '../../kit/operation.ts'
import type { Target } from '../../kit/rotation/machine.ts'
import type { Keeper } from '../../kit/rotation/rotator.ts'
import { credentialOf, makeSecret } from './credentials.ts'
import { guarded } from './creds.ts'
import type { Session } from './driver.ts'
import { probe, useAs, type Database, type Pools } from './pools.ts'
import { isSelfManaged, type Secret } from './records.ts'
import { readSubject, writeSubject, type Subject } from './subject.ts'

/** Two more looks who can log in, and taking back what does not work. */
const phases = 4

const databaseOf = (pools: Pools, mount: MountView, { connectionName, connection }: Subject): Database => pools.of(mount.uuid, connectionName, connection)

export const keeperOf = (pools: Pools): Keeper<Subject, Secret> => ({
  read: readSubject,
  write: writeSubject,
  // Not that of an account that was taken over as it was.
  secretOf: ({ secret }) => (secret.password === undefined ? null : secret),
  make: ({ credentialType, credentialConfig, connection }, maker) => makeSecret(maker, credentialType, credentialConfig, connection.passwordPolicy),
  isSame: (one, other) => one.password === other.password && one.privateKey === other.privateKey,
  seconds: (mount, subject) => databaseOf(pools, mount, subject).withinSeconds * phases,
  target: (mount, subject, next, urgency) => targetOf(databaseOf(pools, mount, subject), subject, next, urgency),
})

function targetOf(database: Database, subject: Subject, next: Secret, urgency: 'foreground' | 'background'): Target<Secret> {
  const { username, statements, connection } = subject
  // Either may be the right one: what was done before a crash is not known.
  const logins = [subject.secret, next].flatMap(({ password }) => (password === undefined ? [] : [{ username, password }]))
  const use = (signal: AbortSignal, work: (session: Session) => Promise<void>): Promise<void> =>
    subject.kind === 'static' && isSelfManaged(connection) ? useAs(database, logins, signal, work) : database.pool.use(urgency, signal, work)
  const set: Target<Secret>['set'] = (secret, signal) => guarded(connection, [subject.secret, next], () => use(signal, (session) => session.setCredential(username, credentialOf(secret), statements)))
  return {
    set,
    takeBack: (old, _, signal) => set(old, signal),
    looks: async ({ password }, signal) => (password === undefined ? { unknown: 'there is no password to try' } : await probe(database, { username, password }, signal)),
    isBelieved: subject.kind === 'static',
  }
}
