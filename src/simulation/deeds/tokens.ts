/** Tokens: their lives, their families, what they may, how often they can be used, and what lies in their cubbyholes. */
import type { JsonObject } from '../../kit/json.ts'
import type { Served } from '../../request/testing/serve-harness.ts'
import { lifeMax, type Model, type Token } from '../model.ts'
import type { Deed, Expected, Seen } from '../deed.ts'
import { pickKnown, policyNames, someCaller, type Client, type Idea } from './client.ts'

/** Seconds that are left of a life. */
const left = (model: Model, expiresAt: number): number => (expiresAt === 0 ? 0 : Math.round((expiresAt - model.now) / 1000))

export function lookUp(token: string, asked: string): Deed {
  return {
    ask: { verb: 'write', path: 'auth/token/lookup', token, data: { token: asked } },
    probes: [],
    act: (model, seen) => lookedUp(model, asked, seen),
  }
}

function lookedUp(model: Model, asked: string, seen: Seen): Expected {
  if (model.maybeDead.has(asked) && seen?.status === 403) model.kill(asked)
  const found = model.living(asked)
  if (found === null) return { status: 403 }
  return { status: 200, holds: (seen) => isShown(model, found, seen) && seen.data?.['num_uses'] === found.usesLeft }
}

const isShown = (model: Model, { expiresAt, parent, policies, accessor }: Token, { data }: Served): boolean =>
  data?.['ttl'] === left(model, expiresAt) && data['orphan'] === (parent === null) && String(data['policies']) === policies.join() && data['accessor'] === accessor

/** The same while others use it: those may have paid and not be done. */
function lookUpMeanwhile(token: string, asked: string): Deed {
  const ask = token === asked ? ({ verb: 'read', path: 'auth/token/lookup-self', token } as const) : lookUp(token, asked).ask
  return {
    ask,
    probes: [],
    act(model) {
      const found = model.living(asked)
      return found === null ? { status: 403 } : { status: 200, holds: (seen) => isShown(model, found, seen) && Number(seen.data?.['num_uses']) <= found.usesLeft }
    },
  }
}

/** What there is of a token that was just given. */
export function lookUpNew({ model }: Client, seen: Seen): readonly Deed[] {
  const token = seen?.auth?.['client_token']
  return typeof token === 'string' ? [lookUp(model.rootToken, token)] : []
}

/** What every new token has in common. Resolves to nothing when the answer never came: nobody knows the token then. */
export function born(client: Client, model: Model, auth: Served['auth'], terms: Omit<Token, 'accessor' | 'issuedAt'>): void {
  const id = auth?.['client_token']
  if (typeof id !== 'string') return
  model.set(model.tokens, id, { ...terms, accessor: String(auth?.['accessor']), issuedAt: model.now })
  model.set(model.justBorn, id, true)
  if (!client.known.tokens.includes(id)) client.known.tokens.push(id)
}

function create(client: Client, token: string): Deed {
  const { dice } = client
  const policies = dice.chance(0.4) ? ['root'] : [dice.pick(policyNames), dice.pick(policyNames)]
  const ttl = dice.pick([20, 300, 3600, 36_000])
  const uses = dice.chance(0.35) ? dice.between(1, 4) : 0
  const period = dice.chance(0.15) ? 600 : 0
  const explicitMax = dice.chance(0.2) ? 400 : 0
  const isOrphan = dice.chance(0.2)
  const data: JsonObject = {
    policies, ttl: `${ttl}s`, num_uses: uses, no_default_policy: false, no_parent: isOrphan, renewable: true,
    ...(period === 0 ? {} : { period: `${period}s` }), ...(explicitMax === 0 ? {} : { explicit_max_ttl: `${explicitMax}s` }),
  }
  return {
    ask: { verb: 'write', path: 'auth/token/create', token, data },
    probes: [],
    probeNew: (seen) => lookUpNew(client, seen),
    act(model, seen) {
      const parent = model.tokens.get(token)
      if (parent === undefined || parent.hasUses) return { status: 400 }
      const isRoot = parent.policies.includes('root')
      // Without root: no orphans, no period, and nothing that the caller has not itself.
      if (!isRoot && (isOrphan || period > 0 || policies.some((name) => !parent.policies.includes(name)))) return { status: 400 }
      const life = period > 0 ? Math.min(period, explicitMax || period) : Math.min(ttl, explicitMax || ttl)
      const held = policies.includes('root') ? ['root'] : [...new Set([...policies, 'default'])].sort()
      const expected: Expected = { status: 200, holds: ({ auth }) => auth?.['lease_duration'] === life && String(auth['policies']) === held.join() }
      born(client, model, seen?.auth ?? null, {
        policies: held, role: '', parent: isOrphan ? null : token, expiresAt: model.now + life * 1000, ttl: life, explicitMax, period, isRenewable: true, usesLeft: uses, hasUses: uses > 0,
      })
      return expected
    },
  }
}

function renewed(model: Model, id: string, increment: number): Expected {
  const token = model.living(id)
  // With its last use it is gone, once that is answered.
  const isLeaving = token === null && model.justDied.has(id) && !model.isAfterwards
  if (token === null || !token.isRenewable || (token.hasUses && token.usesLeft === 0)) return { status: isLeaving ? [200, 400] : 400 }
  const age = Math.max(0, Math.floor(model.now / 1000) - Math.floor(token.issuedAt / 1000))
  const lives = [token.period > 0 ? Infinity : lifeMax, token.explicitMax || Infinity]
  const most = Math.min(...lives) - age
  if (most <= 0) return { status: 400 }
  const role = token.role === '' ? null : model.roles.get(token.role)
  if (role === undefined) return { status: 400 }
  const wanted = token.period > 0 ? token.period : increment || (role?.tokenTtl ?? token.ttl)
  const ttl = Math.min(wanted, most)
  model.set(model.tokens, id, { ...token, expiresAt: model.now + ttl * 1000, ttl: token.period > 0 ? token.ttl : ttl })
  return { status: 200, holds: ({ auth }) => auth?.['lease_duration'] === ttl }
}

function renew(client: Client, token: string, id: string): Deed {
  const increment = client.dice.pick([0, 60, 1000, 100_000])
  const isSelf = token === id
  return {
    ask: { verb: 'write', path: isSelf ? 'auth/token/renew-self' : 'auth/token/renew', token, data: { increment: `${increment}s`, ...(isSelf ? {} : { token: id }) } },
    probes: [lookUp(client.model.rootToken, id)],
    act: (model) => renewed(model, id, increment),
  }
}

const revoked = (model: Model, id: string): Expected => {
  model.kill(id)
  return { status: 204 }
}

function revoke(client: Client, token: string, id: string): Deed {
  const { model } = client
  const family = [...model.tokens].filter(([, { parent }]) => parent === id).map(([child]) => child)
  const probes = [id, ...family].map((one) => lookUp(model.rootToken, one))
  const accessor = model.tokens.get(id)?.accessor
  const ways: readonly Deed[] = [
    { ask: { verb: 'write', path: 'auth/token/revoke', token, data: { token: id } }, probes, act: (now) => revoked(now, id) },
    { ask: { verb: 'write', path: 'auth/token/revoke-self', token: id }, probes, act: (now) => revoked(now, id) },
    {
      ask: { verb: 'write', path: 'auth/token/revoke-accessor', token, data: { accessor: accessor ?? 'none' } },
      probes,
      act: (now) => (accessor === undefined || now.living(id) === null ? { status: now.justDied.has(id) ? [200, 204] : 200 } : revoked(now, id)),
    },
    { ask: { verb: 'write', path: 'auth/token/revoke-orphan', token: model.rootToken, data: { token: id } }, probes, act: (now) => revokedAlone(now, id) },
  ]
  return client.dice.pick(ways)
}

function revokedAlone(model: Model, id: string): Expected {
  if (model.living(id) === null) return { status: model.justDied.has(id) ? [400, 204] : 400 }
  for (const [child, token] of model.tokens) {
    if (token.parent !== id) continue
    model.set(model.tokens, child, { ...token, parent: null })
    // One that was made meanwhile may go with its parent.
    if (model.justBorn.has(child)) model.set(model.maybeDead, child, true)
  }
  return revoked(model, id)
}

function keep(client: Client, token: string): Deed {
  const value = `kept-${client.serial++}`
  const read: Deed = {
    ask: { verb: 'read', path: 'cubbyhole/mine', token },
    probes: [],
    act(model) {
      const found = model.cubbyholes.get(`${token} mine`)
      return found === undefined ? { status: 404 } : { status: 200, holds: ({ data }) => data?.['value'] === found }
    },
  }
  // To look into a cubbyhole takes a use of its token.
  if (client.dice.chance(0.5) || client.model.tokens.get(token)?.hasUses === true) return read
  return {
    ask: { verb: 'write', path: 'cubbyhole/mine', token, data: { value } },
    probes: [read],
    act(model) {
      model.set(model.cubbyholes, `${token} mine`, value)
      return { status: 204 }
    },
  }
}

export const useTokens: Idea = (client) => {
  const { model, dice } = client
  const caller = someCaller(client)
  const some = pickKnown(client, client.known.tokens)
  if (some === null || dice.chance(0.3)) return create(client, caller)
  const deeds: readonly (() => Deed)[] = [
    () => lookUpMeanwhile(model.rootToken, some), () => lookUpMeanwhile(some, some), () => renew(client, model.rootToken, some),
    // With limited uses it may pay for its renewal and then be used up by others: no order explains that, and nothing is wrong with it.
    () => renew(client, model.tokens.get(some)?.hasUses === true ? model.rootToken : some, some),
    () => revoke(client, model.rootToken, some), () => keep(client, some),
  ]
  return dice.pick(deeds)()
}

/** Whether what was seen is an answer at all, for those who need its content. */
export const contentOf = (seen: Seen, name: string): string | null => {
  const value = seen?.data?.[name]
  return typeof value === 'string' ? value : null
}
