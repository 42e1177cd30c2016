/** Wrapped answers: each can be unwrapped once, by one. */
import type { Deed } from '../deed.ts'
import type { Model, Wrapped } from '../model.ts'
import { pickKnown, type Client, type Idea } from './client.ts'

const living = (model: Model, token: string): Wrapped | null => {
  const found = model.wrapped.get(token)
  return found === undefined || model.isOver(found.expiresAt) ? null : found
}

function wrap(client: Client): Deed {
  const { dice, model } = client
  const ttl = dice.pick([15, 500, 50_000])
  const value = `wrapped-${client.serial++}`
  return {
    ask: { verb: 'write', path: 'sys/wrapping/wrap', token: model.rootToken, data: { value }, headers: { 'x-vault-wrap-ttl': `${ttl}` } },
    probes: [],
    act(now, seen) {
      const token = seen?.wrapInfo?.['token']
      if (typeof token === 'string') {
        now.set(now.wrapped, token, { value, expiresAt: now.now + ttl * 1000 })
        if (!client.known.wrapped.includes(token)) client.known.wrapped.push(token)
      }
      return { status: 200, holds: ({ wrapInfo }) => wrapInfo?.['ttl'] === ttl }
    },
  }
}

export function lookUpWrapped(token: string): Deed {
  return {
    ask: { verb: 'write', path: 'sys/wrapping/lookup', token: null, data: { token } },
    probes: [],
    act: (model) => ({ status: living(model, token) === null ? 400 : 200 }),
  }
}

function taken(model: Model, token: string): Wrapped | null {
  const found = living(model, token)
  if (found !== null) model.remove(model.wrapped, token)
  return found
}

/** By the wrapping token itself, or by somebody who has it. */
function unwrap({ model, dice }: Client, token: string): Deed {
  const isItself = dice.chance(0.5)
  const ask = { verb: 'write', path: 'sys/wrapping/unwrap' } as const
  return {
    ask: isItself ? { ...ask, token } : { ...ask, token: model.rootToken, data: { token } },
    isOpen: true,
    probes: [lookUpWrapped(token)],
    act(now) {
      const found = taken(now, token)
      if (found === null) return { status: 400 }
      return { status: 200, holds: ({ data }) => data?.['value'] === found.value }
    },
  }
}

function rewrap(client: Client, token: string): Deed {
  return {
    ask: { verb: 'write', path: 'sys/wrapping/rewrap', token: client.model.rootToken, data: { token } },
    probes: [lookUpWrapped(token)],
    act(model, seen) {
      const found = taken(model, token)
      if (found === null) return { status: 400 }
      const [made, ttl] = [seen?.wrapInfo?.['token'], Number(seen?.wrapInfo?.['ttl'])]
      if (typeof made === 'string') {
        model.set(model.wrapped, made, { ...found, expiresAt: model.now + ttl * 1000 })
        if (!client.known.wrapped.includes(made)) client.known.wrapped.push(made)
      }
      return { status: 200 }
    },
  }
}

export const useWrapping: Idea = (client) => {
  const some = pickKnown(client, client.known.wrapped)
  if (some === null || client.dice.chance(0.3)) return wrap(client)
  return client.dice.pick([() => unwrap(client, some), () => unwrap(client, some), () => lookUpWrapped(some), () => rewrap(client, some)])()
}
