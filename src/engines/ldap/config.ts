/** `config`: the directory, and as whom it is changed; `rotate-root` gives that one another password. */
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { badRequest } from '../../kit/errors.ts'
import { deprecated, duration, flag, integer, optional, secret, text, type ValuesOf } from '../../kit/fields.ts'
import { path } from '../../kit/operation.ts'
import { reschedule } from '../../kit/rotation/record.ts'
import { rotating } from '../../kit/rotation/rotator.ts'
import { never, nextAfter, parseSchedule } from '../../kit/rotation/schedule.ts'
import { rotationShown } from '../../kit/rotation/show.ts'
import type { Transaction } from '../../kit/store.ts'
import { formatTime } from '../../kit/time.ts'
import { urlsOf } from './directory.ts'
import { configs, type Config } from './records.ts'
import { keeper, readSubject, rootName } from './rotation.ts'
import { schemas, tlsVersions, usual, usualUserAttribute, type Schema, type Settings } from './settings.ts'

const ofLogins = (what: string) => `${what} Of logins; kept and shown here.`

const settingFields = {
  url: optional(text('Where the directory is: `ldap://host:389` or `ldaps://host:636`; several with commas are tried in turn.')),
  binddn: optional(text('As whom entries are changed.')),
  userdn: optional(text('Below which entry accounts are looked for.')),
  userattr: optional(text('Attribute that is the name of an account. Default: `cn`, `userPrincipalName` (ad), `racfid` (racf).')),
  upndomain: optional(text('Domain of the administrator, who then logs in as `binddn@upndomain`.')),
  schema: optional(text('`openldap`, `ad` or `racf`: how a password is set.')),
  certificate: optional(text('Certificates of the authorities to trust, in PEM.')),
  starttls: optional(flag('Go over to TLS before anything else, on `ldap://`.')),
  insecure_tls: optional(flag('Do not look at the certificate of the directory.')),
  tls_min_version: optional(text('`tls12` or `tls13`.')),
  tls_max_version: optional(text('`tls12` or `tls13`.')),
  request_timeout: optional(duration('How long the directory may take for one answer.')),
  connection_timeout: optional(duration('How long it may take to reach one of its addresses.')),
  skip_static_role_import_rotation: optional(flag('New static roles keep their passwords until the first rotation is due, unless they say otherwise.')),
  anonymous_group_search: optional(flag(ofLogins('Look for groups without logging in.'))),
  case_sensitive_names: optional(flag(ofLogins('Names differ by case.'))),
  deny_null_bind: optional(flag(ofLogins('Refuse empty passwords. They are refused here in any case.'))),
  dereference_aliases: optional(text(ofLogins('`never`, `finding`, `searching` or `always`.'))),
  discoverdn: optional(flag(ofLogins('Look for the entry without logging in.'))),
  groupattr: optional(text(ofLogins('Attribute that is the name of a group.'))),
  groupdn: optional(text(ofLogins('Where groups are.'))),
  groupfilter: optional(text(ofLogins('How groups are found.'))),
  max_page_size: optional(integer(ofLogins('Entries in a page of a search.'))),
  use_token_groups: optional(flag(ofLogins('Groups as Active Directory keeps them.'))),
  userfilter: optional(text(ofLogins('How users are found.'))),
  username_as_alias: optional(flag(ofLogins('Aliases are the names as given.'))),
} as const

const fields = {
  ...settingFields,
  bindpass: optional(secret(text('The password of the administrator.'))),
  client_tls_cert: optional(text('Certificate to show to the directory, in PEM.')),
  client_tls_key: optional(secret(text('Its key, in PEM.'))),
  password_policy: optional(text('Policy that passwords are made by; default: 64 letters and digits.')),
  length: optional(deprecated(integer('How long passwords are, without a policy.'))),
  rotation_period: optional(duration('How often the password of the administrator is changed by itself; 0: never.')),
  rotation_schedule: optional(text('When it is, as cron has it, in UTC.')),
  rotation_window: optional(duration('How long after that it may still be tried.')),
  ttl: optional(deprecated(duration('Accepted for old clients, without effect.'))),
  max_ttl: optional(deprecated(duration('Accepted for old clients, without effect.'))),
}
type Input = ValuesOf<typeof fields>

const lengthMax = 512
const timeoutMax = 600

/** Throws `bad_request` with Vault's words. */
export async function resolveConfig(store: Transaction): Promise<Config> {
  const found = await configs.read(store)
  if (found === null) throw badRequest('missing LDAP configuration')
  return found
}

function settingsOf(input: Input, before: Settings | null): Settings {
  const given = Object.fromEntries(Object.keys(settingFields).flatMap((name) => {
    const value = input[name as keyof typeof settingFields]
    return value === undefined ? [] : [[name, value]]
  })) as Partial<Settings>
  const schema = schemaOf(given.schema ?? before?.schema ?? usual.schema)
  const attribute = before === null ? usualUserAttribute[schema] : before.userattr
  return { ...usual, userattr: attribute, ...before, ...given, schema }
}

function schemaOf(text: string): Schema {
  const found = schemas.find((known) => known === text)
  if (found === undefined) throw badRequest(text === '' ? 'schema is required' : `the configured schema ${text} is not valid. Supported schemas: [${schemas.join(' ')}]`)
  return found
}

/** Throws `bad_request`, naming the field. */
function checkSettings(settings: Settings, bindpass: string): void {
  const urls = urlsOf(settings)
  if (urls.length === 0) throw badRequest('at least one url must be provided')
  if (!urls.every(isDirectoryUrl)) throw badRequest('url must be of the form ldap://host:port or ldaps://host:port')
  const { discoverdn, binddn, upndomain, userdn, tls_min_version: min, tls_max_version: max } = settings
  if (!discoverdn && (binddn === '' || bindpass === '') && upndomain === '' && userdn === '') throw badRequest('cannot derive UserBindDN')
  if (!Object.hasOwn(tlsVersions, min)) throw badRequest("invalid 'tls_min_version' in config: tls12 or tls13")
  if (!Object.hasOwn(tlsVersions, max)) throw badRequest("invalid 'tls_max_version' in config: tls12 or tls13")
  if (max < min) throw badRequest("'tls_max_version' must be greater than or equal to 'tls_min_version'")
  for (const name of ['request_timeout', 'connection_timeout'] as const) if (settings[name] < 1 || settings[name] > timeoutMax) throw badRequest(`${name} must be 1 to ${timeoutMax} seconds`)
  // A password in the clear is refused by Active Directory itself, after everybody could read it.
  if (settings.schema === 'ad' && !settings.starttls && urls.some((url) => !url.startsWith('ldaps:'))) throw badRequest('schema ad needs TLS: use ldaps:// or starttls')
}

function isDirectoryUrl(text: string): boolean {
  if (!/^ldaps?:\/\//i.test(text) || !URL.canParse(text)) return false
  const { username, password, pathname, search, hash, hostname } = new URL(text)
  return hostname !== '' && username === '' && password === '' && search === '' && hash === '' && (pathname === '' || pathname === '/')
}

function checkCertificates({ settings: { certificate }, clientCertificate, clientKey }: Config): void {
  const parsed = (what: string, work: () => unknown): void => {
    try {
      work()
    } catch (cause) {
      throw badRequest(`failed to parse ${what}`, { cause })
    }
  }
  if (certificate !== '') parsed('certificate', () => new X509Certificate(certificate))
  if ((clientCertificate === '') !== (clientKey === '')) throw badRequest('client_tls_cert and client_tls_key are only of use together')
  if (clientCertificate !== '') parsed('client_tls_cert', () => new X509Certificate(clientCertificate))
  if (clientKey !== '') parsed('client_tls_key', () => createPrivateKey(clientKey))
}

/** What the record becomes. Throws `bad_request`. */
function changed(input: Input, before: Config | null, now: number): Config {
  const settings = settingsOf(input, before?.settings ?? null)
  const bindpass = input.bindpass ?? before?.bindpass ?? ''
  checkSettings(settings, bindpass)
  const passwordPolicy = input.password_policy ?? before?.passwordPolicy ?? ''
  if (passwordPolicy !== '' && input.length !== undefined) throw badRequest("cannot set both 'password_policy' and 'length'")
  const length = input.length ?? before?.length ?? 0
  if (length < 0 || length > lengthMax) throw badRequest(`length must be 0 to ${lengthMax}`)
  const schedule = input.rotation_period === 0 && (input.rotation_schedule ?? '') === '' ? null : parseSchedule(input, before?.schedule ?? null)
  const rotation = before?.rotation ?? never
  const successor = input.bindpass === undefined ? (before?.successor ?? null) : null
  const nextAt = successor === null ? (schedule === null ? 0 : nextAfter(schedule, rotation.lastAt || now, now)) : rotation.nextAt
  return {
    settings, bindpass, clientCertificate: input.client_tls_cert ?? before?.clientCertificate ?? '', clientKey: input.client_tls_key ?? before?.clientKey ?? '',
    passwordPolicy, length, schedule, rotation: { ...rotation, nextAt }, successor,
  }
}

const config = path('config')

const write = config.write({
  summary: 'Configure the directory.',
  description: 'What is left out stays as it was. Nothing is tried out: the first use shows whether it works.',
  input: fields,
  exists: async ({ store }) => (await configs.read(store)) !== null,
  async handle({ input, store, now }) {
    const before = await configs.read(store)
    const made = changed(input, before, now)
    checkCertificates(made)
    configs.write(store, made)
    reschedule(store, rootName, before?.rotation.nextAt ?? 0, made.rotation.nextAt)
    return null
  },
})

const read = config.read({
  summary: 'Show the configuration, without its secrets.',
  async handle({ store }) {
    const found = await configs.read(store)
    if (found === null) return null
    const { settings, length, passwordPolicy, rotation, schedule, successor, clientCertificate } = found
    return {
      ...settings,
      ...(clientCertificate === '' ? {} : { client_tls_cert: clientCertificate }),
      ...(length > 0 ? { length } : {}),
      ...(passwordPolicy === '' ? {} : { password_policy: passwordPolicy }),
      ...(rotation.lastAt === 0 ? {} : { last_bind_password_rotation: formatTime(rotation.lastAt) }),
      ...rotationShown(rotation, schedule, successor),
    }
  },
})

const remove = config.delete({
  summary: 'Forget the configuration. Roles, libraries and leases stay.',
  async handle({ store }) {
    const found = await configs.read(store)
    configs.remove(store)
    reschedule(store, rootName, found?.rotation.nextAt ?? 0, 0)
    return null
  },
})

const rotateRoot = path('rotate-root').write({
  summary: 'Give the administrator another password, which nobody is shown.',
  async handle(call) {
    const { bindpass, settings: { binddn } } = await resolveConfig(call.store)
    if (binddn === '' || bindpass === '') throw badRequest('unable to rotate the root credential: binddn and bindpass are not configured')
    const subject = await readSubject(call.store, rootName)
    if (subject === null) throw badRequest('missing LDAP configuration')
    return await rotating(keeper, call, subject)
  },
})

export const configOperations = [read, write, remove, rotateRoot]
