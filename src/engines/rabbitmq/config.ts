/** `config/connection` and `config/lease`. */
import { ApiError, badRequest } from '../../kit/errors.ts'
import { defaulted, duration, flag, secret, text } from '../../kit/fields.ts'
import { path } from '../../kit/operation.ts'
import { parseBaseUrl } from '../outbound/http.ts'
import { managementOf } from './management.ts'
import { connection, terms } from './records.ts'
import { checkTemplate } from './username.ts'

const writeConnection = path('config/connection').write({
  summary: 'Configure the connection to RabbitMQ’s management plugin.',
  description: 'What is left out gets its default. Nobody is shown the connection.',
  input: {
    connection_uri: defaulted(text('Where the management plugin listens, as `http://localhost:15672`.'), ''),
    username: defaulted(text('A user with the tag `administrator`.'), ''),
    password: defaulted(secret(text('Its password.')), ''),
    verify_connection: defaulted(flag('List the users before the connection is kept.'), true),
    password_policy: defaulted(text('Policy that passwords are made by; default: 36 letters and digits.'), ''),
    username_template: defaulted(text('Template of the names of users; it must give another name each time.'), ''),
    tls_ca: defaulted(text('Certificates of the authorities to trust, in PEM; default: those that Node knows.'), ''),
  },
  async handle({ input, store }) {
    for (const name of ['connection_uri', 'username', 'password'] as const) if (input[name] === '') throw badRequest(`missing ${name}`)
    parseBaseUrl(input.connection_uri, 'connection_uri')
    if (input.username_template !== '') checkTemplate(input.username_template)
    const made = {
      uri: input.connection_uri, username: input.username, password: input.password, passwordPolicy: input.password_policy,
      usernameTemplate: input.username_template, ca: input.tls_ca,
    }
    if (input.verify_connection) await managementOf(made, new AbortController().signal).verify().catch(asRefusal)
    connection.write(store, made)
    return null
  },
})

/** Whatever is wrong, it is the configuration that cannot be kept. */
function asRefusal(error: unknown): never {
  const why = error instanceof ApiError ? error.message : 'unknown'
  throw badRequest(why.startsWith('failed to validate') ? why : `failed to validate the connection: ${why}`, { cause: error })
}

const lease = path('config/lease')

const writeLease = lease.write({
  summary: 'Configure how long users live.',
  input: {
    ttl: defaulted(duration('How long a user lives; 0: the default of the mount.'), 0),
    max_ttl: defaulted(duration('How long it can be renewed for; 0: the maximum of the mount.'), 0),
  },
  handle({ input, store }) {
    terms.write(store, { ttl: input.ttl, maxTtl: input.max_ttl })
    return null
  },
})

const readLease = lease.read({
  summary: 'Show how long users live.',
  async handle({ store }) {
    const found = await terms.read(store)
    return found === null ? null : { ttl: found.ttl, max_ttl: found.maxTtl }
  },
})

export const configOperations = [writeConnection, readLease, writeLease]
