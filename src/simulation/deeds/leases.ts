/** Credentials that live outside of the server, and their leases. */
import type { Deed, Expected } from '../deed.ts'
import type { Lease, Model } from '../model.ts'
import { renterPaths, pickKnown, someCaller, type Client, type Idea } from './client.ts'

/** Seconds: what the engine gives at most, and at each renewal. */
export const leaseSeconds = 2_000

function issue(client: Client, token: string): Deed {
  const path = client.dice.pick(renterPaths)
  const name = `db-${client.serial++}`
  return {
    ask: { verb: 'read', path: `${path}/made/${name}`, token, data: { ttl: `${leaseSeconds}s` } },
    probes: [],
    act(model, seen) {
      const mount = model.mounts.get(path)
      if (mount?.type !== 'renter') return { status: 404 }
      // It would be revoked together with the last use of the token.
      const caller = model.tokens.get(token)
      if (caller !== undefined && caller.hasUses && caller.usesLeft === 0) return { status: 400 }
      // Or with a use that others took while it was made.
      if (caller?.hasUses === true && seen?.status === 403) return { status: 403 }
      const id = seen?.body?.['lease_id']
      if (typeof id === 'string' && id !== '') {
        model.set(model.leases, id, { mountId: mount.id, token, issuedAt: model.now, expiresAt: model.now + leaseSeconds * 1000 })
        if (!client.issued.has(id)) client.known.leases.push(id)
        client.issued.set(id, `${path}/${name}`)
      }
      return { status: 200, holds: ({ body }) => body?.['lease_duration'] === leaseSeconds }
    },
  }
}

export function lookUpLease(model: Model, id: string): Deed {
  return {
    ask: { verb: 'write', path: 'sys/leases/lookup', token: model.rootToken, data: { lease_id: id } },
    probes: [],
    act(now) {
      const found = now.livingLease(id)
      if (found === null) return gone(now, id)
      return { status: 200, holds: ({ data }) => data?.['ttl'] === Math.round((found.expiresAt - now.now) / 1000) }
    },
  }
}

/** What has expired is there until it is swept; what was revoked is not, once that was answered. */
function gone(model: Model, id: string): Expected {
  if (model.leases.has(id)) return { status: [400, 200] }
  const mayLinger = model.justEnded.has(id) && !model.isAfterwards
  return mayLinger ? { status: [400, 200], holds: ({ status, data }) => status === 400 || data?.['ttl'] === 0 } : { status: 400 }
}

function renew({ model, dice }: Client, id: string): Deed {
  const increment = dice.pick([0, 100, 1_500])
  return {
    ask: { verb: 'write', path: 'sys/leases/renew', token: model.rootToken, data: { lease_id: id, increment } },
    probes: [lookUpLease(model, id)],
    act(now) {
      const found: Lease | null = now.livingLease(id)
      if (found === null) return gone(now, id)
      const left = leaseSeconds - Math.max(0, Math.floor(now.now / 1000) - Math.floor(found.issuedAt / 1000))
      if (left <= 0) return { status: 400 }
      const ttl = Math.min(increment || leaseSeconds, left)
      now.set(now.leases, id, { ...found, expiresAt: now.now + ttl * 1000 })
      return { status: 200, holds: ({ body }) => body?.['lease_duration'] === ttl }
    },
  }
}

function revoke({ model }: Client, id: string): Deed {
  return {
    ask: { verb: 'write', path: 'sys/leases/revoke', token: model.rootToken, data: { lease_id: id, sync: true } },
    probes: [lookUpLease(model, id)],
    act(now) {
      now.endLease(id)
      return { status: 204 }
    },
  }
}

export const useLeases: Idea = (client) => {
  const some = pickKnown(client, client.known.leases)
  if (some === null || client.dice.chance(0.4)) return issue(client, someCaller(client))
  return client.dice.pick([() => lookUpLease(client.model, some), () => renew(client, some), () => revoke(client, some)])()
}
