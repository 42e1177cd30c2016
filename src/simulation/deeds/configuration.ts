/** Mounts and policies. */
import type { Deed } from '../deed.ts'
import type { Model, Rule } from '../model.ts'
import { kvPaths, renterPaths, policyNames, secretNames, type Client, type Idea } from './client.ts'

export function readMount(model: Model, path: string): Deed {
  return {
    ask: { verb: 'read', path: `sys/mounts/${path}`, token: model.rootToken },
    probes: [],
    act: (now) => ({ status: now.mounts.has(path) ? 200 : 400 }),
  }
}

const isKv = (path: string): boolean => kvPaths.some((one) => one === path)

export function enable(client: Client, path: string): Deed {
  const id = client.serial++
  const isSecrets = isKv(path)
  return {
    ask: { verb: 'write', path: `sys/mounts/${path}`, token: client.model.rootToken, data: isSecrets ? { type: 'kv', options: { version: '2' } } : { type: 'renter' } },
    probes: [readMount(client.model, path)],
    act(model, seen) {
      if (model.mounts.has(path)) return { status: 400 }
      // Something is still being made there.
      if (model.leaving.has(path) && seen?.status === 400) return { status: 400 }
      model.remove(model.leaving, path)
      model.set(model.mounts, path, { type: isSecrets ? 'kv' : 'renter', id })
      return { status: 204 }
    },
  }
}

function disable({ model }: Client, path: string): Deed {
  return {
    ask: { verb: 'delete', path: `sys/mounts/${path}`, token: model.rootToken },
    probes: [readMount(model, path)],
    act(now) {
      const mount = now.mounts.get(path)
      if (mount !== undefined) now.set(now.leaving, path, true)
      now.remove(now.mounts, path)
      for (const [id, { mountId }] of now.leases) if (mountId === mount?.id) now.endLease(id)
      return { status: 204 }
    },
  }
}

export function readPolicy(model: Model, name: string): Deed {
  return {
    ask: { verb: 'read', path: `sys/policies/acl/${name}`, token: model.rootToken },
    probes: [],
    act(now) {
      const rules = now.policies.get(name)
      return rules === undefined ? { status: 404 } : { status: 200, holds: ({ data }) => data?.['policy'] === written(rules) }
    },
  }
}

const written = (rules: readonly Rule[]): string => rules.map(({ pattern, capabilities }) => `path "${pattern}" { capabilities = ${JSON.stringify(capabilities)} }`).join('\n')

function someRule({ dice }: Client): Rule {
  const path = dice.pick(kvPaths)
  const pattern = dice.pick([
    `${path}/*`, `${path}/data/*`, `${path}/data/${dice.pick(secretNames)}`, `${path}/metadata/*`, `${dice.pick(renterPaths)}/*`, 'auth/token/*', 'kv-*', `${path}/data/dir/*`,
  ])
  return { pattern, capabilities: dice.pick([['create', 'update', 'read', 'delete', 'list'], ['read'], ['list', 'read'], ['create', 'update'], ['deny'], ['delete', 'read']]) }
}

function writePolicy(client: Client, name: string): Deed {
  const rules = Array.from({ length: client.dice.between(1, 4) }, () => someRule(client))
  return {
    ask: { verb: 'write', path: `sys/policies/acl/${name}`, token: client.model.rootToken, data: { policy: written(rules) } },
    probes: [readPolicy(client.model, name)],
    act(model) {
      model.set(model.policies, name, rules)
      return { status: 204 }
    },
  }
}

function deletePolicy({ model }: Client, name: string): Deed {
  return {
    ask: { verb: 'delete', path: `sys/policies/acl/${name}`, token: model.rootToken },
    probes: [readPolicy(model, name)],
    act(now) {
      now.remove(now.policies, name)
      return { status: 204 }
    },
  }
}

export const usePolicies: Idea = (client) => {
  const name = client.dice.pick(policyNames)
  if (!client.model.policies.has(name) || client.dice.chance(0.5)) return writePolicy(client, name)
  return client.dice.chance(0.3) ? deletePolicy(client, name) : readPolicy(client.model, name)
}

export const useMounts: Idea = (client) => {
  const path = client.dice.pick([...kvPaths, ...renterPaths])
  if (!client.model.mounts.has(path)) return enable(client, path)
  return client.dice.chance(0.4) ? disable(client, path) : readMount(client.model, path)
}
