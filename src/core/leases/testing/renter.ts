/** A secrets engine whose secrets live outside of the server, for tests: what is valid there can be seen, and it fails or hangs when told to. */
import { engine, type Engine } from '../../../kit/engine.ts'
import { defaulted, duration, flag, text } from '../../../kit/fields.ts'
import { path } from '../../../kit/operation.ts'
import { outside, type ActCall, type AfterActCall } from '../../../kit/outside.ts'
import { reply } from '../../../kit/result.ts'

export interface Renter {
  readonly engine: Engine
  /** What is valid outside: `<mount path><name>`. */
  readonly valid: Set<string>
  /** How often each was asked to be revoked. */
  readonly asked: Map<string, number>
  /** Until when a renewal made them last: milliseconds since 1970. */
  readonly ends: Map<string, number>
  /** Why revoking `<mount path><name>` fails; null: it works. */
  failure: (what: string) => string | null
  /** What revoking `<mount path><name>` waits for. */
  wait: (what: string) => Promise<void>
  /** What `made` and `told` wait for, once before and once after they have made `<mount path><name>` valid. */
  making: (what: string, when: 'before' | 'after', signal: AbortSignal) => Promise<void>
  /** What a renewal is granted, in seconds; null: it is refused. */
  renewal: { readonly ttlSeconds: number; readonly maxTtlSeconds: number } | null
}

/**
 * `type` is `renter`. `read creds/<name>` makes a secret while it runs; `read made/<name>` means to, and then does, and so does `write told/<name>`, which
 * asks for no lease: what it wrote in the store says how far it came.
 */
export function renter(): Renter {
  const valid = new Set<string>()
  const asked = new Map<string, number>()
  const self: Omit<Renter, 'engine'> = { valid, asked, ends: new Map(), failure: () => null, wait: async () => undefined, making: async () => undefined, renewal: { ttlSeconds: 3600, maxTtlSeconds: 0 } }
  const creds = path('creds/{name}', { name: text('Name.') }).read({
    summary: 'A secret that expires.',
    input: { ttl: defaulted(duration('How long.'), 3600), max_ttl: defaulted(duration('At most.'), 0), renewable: defaulted(flag('Whether.'), true) },
    handle({ params: { name }, input, mount, store }) {
      valid.add(mount.path + name)
      store.put(`made/${name}`, Buffer.from('{}'))
      return reply({ data: { name }, lease: { kind: 'creds', ttlSeconds: input.ttl, maxTtlSeconds: input.max_ttl, renewable: input.renewable, internal: { name, mount: mount.path } } })
    },
  })
  const make = (what: string) => async ({ signal }: ActCall): Promise<void> => {
    await self.making(what, 'before', signal)
    valid.add(what)
    await self.making(what, 'after', signal)
  }
  const madeOutside = path('made/{name}', { name: text('Name.') }).read({
    summary: 'A secret that expires, made as it should be.',
    input: { ttl: defaulted(duration('How long.'), 3600) },
    handle: ({ params: { name }, input, mount }) => outside({
      lease: { kind: 'creds', ttlSeconds: input.ttl, maxTtlSeconds: 0, renewable: true, internal: { name, mount: mount.path } },
      withinSeconds: 2,
      act: make(mount.path + name),
      finish({ store }) {
        store.put(`made/${name}`, Buffer.from('{}'))
        return { name }
      },
    }),
  })
  const told = path('told/{name}', { name: text('Name.') }).write({
    summary: 'Makes something without a lease.',
    handle({ params: { name }, mount, store }) {
      store.put(`told/${name}`, Buffer.from('"meant"'))
      const say = (word: string) => ({ store: after }: AfterActCall): null => {
        after.put(`told/${name}`, Buffer.from(JSON.stringify(word)))
        return null
      }
      return outside({ withinSeconds: 2, act: make(mount.path + name), finish: say('done'), failed: async (call) => void say('failed')(call) })
    },
  })
  const made = engine({
    type: 'renter',
    kind: 'secret',
    summary: 'Issues leases.',
    operations: [creds, madeOutside, told],
    leases: {
      creds: {
        backend: ({ name }) => String(name).split('@')[1] ?? '',
        async renew({ internal }) {
          if (self.renewal === null) throw new Error('the other side says no')
          return { ...self.renewal, extend: async (expiresAt) => void self.ends.set(String(internal['mount']) + String(internal['name']), expiresAt) }
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
