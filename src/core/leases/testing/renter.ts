/** A secrets engine whose secrets live outside of the server, for tests: what is valid there can be seen, and it fails or hangs when told to. */
import { engine, type Engine } from '../../../kit/engine.ts'
import { defaulted, duration, flag, text } from '../../../kit/fields.ts'
import { path } from '../../../kit/operation.ts'
import { reply } from '../../../kit/result.ts'

export interface Renter {
  readonly engine: Engine
  /** What is valid outside: `<mount path><name>`. */
  readonly valid: Set<string>
  /** How often each was asked to be revoked. */
  readonly asked: Map<string, number>
  /** Why revoking `<mount path><name>` fails; null: it works. */
  failure: (what: string) => string | null
  /** What revoking `<mount path><name>` waits for. */
  wait: (what: string) => Promise<void>
  /** What a renewal is granted, in seconds; null: it is refused. */
  renewal: { readonly ttlSeconds: number; readonly maxTtlSeconds: number } | null
}

/** `type` is `renter`. `read creds/<name>` makes a secret. */
export function renter(): Renter {
  const valid = new Set<string>()
  const asked = new Map<string, number>()
  const self: Omit<Renter, 'engine'> = { valid, asked, failure: () => null, wait: async () => undefined, renewal: { ttlSeconds: 3600, maxTtlSeconds: 0 } }
  const creds = path('creds/{name}', { name: text('Name.') }).read({
    summary: 'A secret that expires.',
    input: { ttl: defaulted(duration('How long.'), 3600), max_ttl: defaulted(duration('At most.'), 0), renewable: defaulted(flag('Whether.'), true) },
    handle({ params: { name }, input, mount, store }) {
      valid.add(mount.path + name)
      store.put(`made/${name}`, Buffer.from('{}'))
      return reply({ data: { name }, lease: { kind: 'creds', ttlSeconds: input.ttl, maxTtlSeconds: input.max_ttl, renewable: input.renewable, internal: { name, mount: mount.path } } })
    },
  })
  const made = engine({
    type: 'renter',
    kind: 'secret',
    summary: 'Issues leases.',
    operations: [creds],
    leases: {
      creds: {
        async renew() {
          if (self.renewal === null) throw new Error('the other side says no')
          return self.renewal
        },
        async revoke({ internal, store }) {
          const name = String(internal['name'])
          const what = String(internal['mount']) + name
          asked.set(what, (asked.get(what) ?? 0) + 1)
          await self.wait(what)
          const failure = self.failure(what)
          if (failure !== null) throw new Error(failure)
          valid.delete(what)
          store.delete(`made/${name}`)
        },
      },
    },
  })
  return Object.assign(self, { engine: made })
}
