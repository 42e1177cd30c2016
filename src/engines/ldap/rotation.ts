/** What rotates: the administrator, the accounts of static roles, and those of libraries that come back. All are read and written alike. */
import type { Target } from '../../kit/rotation/machine.ts'
import { reschedule, type RotatingName, type Schedule } from '../../kit/rotation/record.ts'
import type { Change, Keeper, Rotating } from '../../kit/rotation/rotator.ts'
import type { Transaction } from '../../kit/store.ts'
import { adminOf, looksOf, withDirectory, withinSeconds, type Holder } from './directory.ts'
import { makePassword } from './passwords.ts'
import { accounts, configs, staticRoles, type Account, type Config, type Secret, type StaticRole } from './records.ts'

export const rootName: RotatingName = { kind: 'root', name: 'config' }
export const staticName = (name: string): RotatingName => ({ kind: 'static', name })
export const accountName = (username: string): RotatingName => ({ kind: 'account', name: username })

export interface Subject extends Rotating<Secret> {
  readonly config: Config
  readonly holder: Holder
  readonly secret: Secret
}

/** An account that comes back gets another password, and is tried again soon when that fails. */
const untilBack: Schedule = { periodSeconds: 3_600, cron: '', windowSeconds: 0 }

/** Null: it is not there, or there is no configuration. */
export async function readSubject(store: Transaction, { kind, name }: RotatingName): Promise<Subject | null> {
  const config = await configs.read(store)
  if (config === null) return null
  if (kind === 'root') {
    const { schedule, rotation, successor, bindpass } = config
    return { ...rootName, config, holder: adminOf(config), secret: { password: bindpass }, schedule, rotation, successor }
  }
  if (kind === 'static') {
    const role = await staticRoles.read(store, name)
    return role === null ? null : { ...staticName(name), config, holder: { username: role.username, dn: role.dn }, secret: role.secret, schedule: role.schedule, rotation: role.rotation, successor: role.successor }
  }
  const account = await accounts.read(store, name)
  if (account === null) return null
  const { secret, rotation, successor, isReturning } = account
  return { ...accountName(name), config, holder: { username: name, dn: '' }, secret, schedule: isReturning ? untilBack : null, rotation, successor }
}

async function writeSubject(store: Transaction, subject: Subject, change: Change<Secret>): Promise<void> {
  const { kind, name } = subject
  const rotation = kind === 'account' && change.secret !== undefined && change.rotation !== undefined ? { ...change.rotation, nextAt: 0 } : change.rotation
  reschedule(store, subject, subject.rotation.nextAt, rotation?.nextAt ?? subject.rotation.nextAt)
  const kept = { ...(rotation === undefined ? {} : { rotation }), ...(change.successor === undefined ? {} : { successor: change.successor }) }
  if (kind === 'root') return configs.write(store, { ...subject.config, ...kept, ...(change.secret === undefined ? {} : { bindpass: change.secret.password ?? '' }) })
  if (kind === 'static') {
    const role = await staticRoles.read(store, name)
    if (role !== null) staticRoles.write(store, { ...role, ...kept, ...renewedRole(role, change) }, name)
    return
  }
  const account = await accounts.read(store, name)
  if (account !== null) accounts.write(store, { ...account, ...kept, ...renewedAccount(change) }, name)
}

const renewedRole = ({ secret }: StaticRole, change: Change<Secret>): Partial<StaticRole> => (change.secret === undefined ? {} : { secret: change.secret, lastPassword: secret.password ?? '' })
/** Nobody knows its password any more. */
const renewedAccount = (change: Change<Secret>): Partial<Account> => (change.secret === undefined ? {} : { secret: change.secret, borrower: null, isReturning: false })

/** Two more looks who can log in, and taking back what does not work. */
const phases = 4

export const keeper: Keeper<Subject, Secret> = {
  read: readSubject,
  write: writeSubject,
  secretOf: ({ secret }) => (secret.password === undefined ? null : secret),
  make: async ({ config }, maker) => ({ password: await makePassword(maker, config) }),
  isSame: (one, other) => one.password === other.password,
  seconds: (_, { config }) => withinSeconds(config) * phases,
  target: (_, subject) => targetOf(subject),
}

function targetOf({ kind, config, holder }: Subject): Target<Secret> {
  const set: Target<Secret>['set'] = ({ password = '' }, signal) => withDirectory(config, signal, (directory) => directory.setPassword(holder, password))
  return {
    set,
    // What was changed last is the right one to log in with when the administrator itself is rotated.
    takeBack: (old, next, signal) => (kind === 'root' ? withDirectory({ ...config, bindpass: next.password ?? '', successor: { secret: old, until: 0 } }, signal, (directory) => directory.setPassword(holder, old.password ?? '')) : set(old, signal)),
    looks: ({ password = '' }, signal) => looksOf(kind === 'root' ? withLogin(config, password) : config, loginOf(kind, config, holder), password, signal),
    isBelieved: kind !== 'root',
  }
}

/** The entry of an administrator of a domain is only found by who can log in. */
const withLogin = (config: Config, bindpass: string): Config => ({ ...config, bindpass, successor: null })
const loginOf = (kind: string, config: Config, holder: Holder): Holder => (kind === 'root' ? { username: '', dn: adminOf(config).username } : holder)
