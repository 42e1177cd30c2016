/** A secrets engine that issues leases, and an auth method that misbehaves: the core's own have neither yet, or never would. */
import { engine, type Engine } from '../../kit/engine.ts'
import { defaulted, flag, text } from '../../kit/fields.ts'
import { path } from '../../kit/operation.ts'
import { reply } from '../../kit/result.ts'

export interface Lessor {
  readonly engine: Engine
  /** Names of the credentials that are valid outside. */
  readonly valid: Set<string>
  /** While true, revoking fails. */
  isBroken: boolean
  /** Runs while a credential is being made. */
  whileMaking: () => Promise<void>
}

/** Credentials that live outside of the server, as those of a database do. */
export function lessor(ttlSeconds = 10 * 3600): Lessor {
  const self: Lessor = { valid: new Set(), isBroken: false, whileMaking: async () => undefined, engine: undefined as unknown as Engine }
  const creds = path('creds/{name}', { name: text('Name.') }).read({
    summary: 'A credential.',
    async handle({ params, store, random }) {
      const name = `${params.name}-${Buffer.from(random(6)).toString('hex')}`
      self.valid.add(name)
      await self.whileMaking()
      store.put(`made/${name}`, Buffer.from('{}'))
      return reply({ data: { name }, lease: { kind: 'creds', ttlSeconds, maxTtlSeconds: ttlSeconds, renewable: true, internal: { name } } })
    },
  })
  const slow = path('slow').read({
    summary: 'Something that takes its time and is not a lease.',
    async handle() {
      await self.whileMaking()
      return { value: 'guarded value' }
    },
  })
  const made = engine({
    type: 'lessor',
    kind: 'secret',
    summary: 'Issues leases.',
    operations: [creds, slow],
    leases: {
      creds: {
        renew: async () => ({ ttlSeconds, maxTtlSeconds: ttlSeconds }),
        async revoke({ internal, store }) {
          if (self.isBroken) throw new Error('the other side does not answer')
          self.valid.delete(String(internal['name']))
          store.delete(`made/${String(internal['name'])}`)
        },
      },
    },
  })
  return Object.assign(self, { engine: made })
}

const noLogin = { displayName: 'x', policies: ['default'], alias: { name: 'x' } } as const

/** What the headers of the last login were, as the method saw them. */
export const seenHeaders: { last: Readonly<Record<string, unknown>> } = { last: {} }

export const badAuth = engine({
  type: 'bad-auth',
  kind: 'auth',
  summary: 'Answers what no auth method should.',
  operations: [
    path('login').write({
      summary: 'Log in, and more.',
      access: 'public',
      input: {
        status: defaulted(text('Status beside the login.'), ''), throws: defaulted(flag('Whether it fails after all.'), false),
        policy: defaulted(text('A policy.'), 'default'),
      },
      handle({ input, headers, store }) {
        seenHeaders.last = headers
        store.put('seen', Buffer.from('{}'))
        if (input.throws) throw Object.assign(new Error('after all'), { login: noLogin })
        return reply({
          login: { ...noLogin, policies: [input.policy] }, data: { error: 'there was an error' },
          ...(input.status === '' ? {} : { status: Number(input.status) }),
        })
      },
    }),
  ],
})
