/** AppRole: roles, secret ids that can be used a number of times, and logins with them. */
import type { Deed, Expected } from '../deed.ts'
import type { Model, Role, SecretId } from '../model.ts'
import { pickKnown, policyNames, roleNames, type Client, type Idea } from './client.ts'
import { born, contentOf, lookUpNew } from './tokens.ts'

const at = (name: string): string => `auth/approle/role/${name}`

export function readRole(model: Model, name: string): Deed {
  return {
    ask: { verb: 'read', path: at(name), token: model.rootToken },
    probes: [],
    act(now) {
      const role = now.roles.get(name)
      if (role === undefined) return { status: 404 }
      const wanted = [role.policies.join(), role.secretIdUses, role.secretIdTtl, role.tokenTtl, role.tokenUses]
      const names = ['token_policies', 'secret_id_num_uses', 'secret_id_ttl', 'token_ttl', 'token_num_uses']
      return { status: 200, holds: ({ data }) => names.map((one) => String(data?.[one])).join(' ') === wanted.join(' ') }
    },
  }
}

function writeRole({ model, dice }: Client, name: string): Deed {
  const terms = {
    policies: [dice.pick(policyNames)], secretIdUses: dice.pick([0, 1, 2, 3]), secretIdTtl: dice.pick([0, 50, 5000]), tokenTtl: dice.pick([30, 3000]), tokenUses: dice.pick([0, 0, 2]),
  }
  return {
    ask: {
      verb: 'write', path: at(name), token: model.rootToken,
      data: {
        token_policies: terms.policies, secret_id_num_uses: terms.secretIdUses, secret_id_ttl: `${terms.secretIdTtl}s`, token_ttl: `${terms.tokenTtl}s`, token_num_uses: terms.tokenUses,
      },
    },
    probes: [readRole(model, name)],
    act(now) {
      // Which id a new role has only the server knows: it is asked for when a secret id is.
      now.set(now.roles, name, { roleId: now.roles.get(name)?.roleId ?? '', ...terms })
      return { status: 204 }
    },
  }
}

function deleteRole({ model }: Client, name: string): Deed {
  return {
    ask: { verb: 'delete', path: at(name), token: model.rootToken },
    probes: [readRole(model, name)],
    act(now) {
      now.remove(now.roles, name)
      for (const [id, { role }] of now.secretIds) if (role === name) now.remove(now.secretIds, id)
      return { status: 204 }
    },
  }
}

function readRoleId(client: Client, name: string): Deed {
  return {
    ask: { verb: 'read', path: `${at(name)}/role-id`, token: client.model.rootToken },
    probes: [],
    act(model, seen) {
      const role = model.roles.get(name)
      if (role === undefined) return { status: 404 }
      const shown = contentOf(seen, 'role_id')
      if (shown !== null && role.roleId === '') model.set(model.roles, name, { ...role, roleId: shown })
      if (shown !== null && !client.known.roleIds.includes(shown)) client.known.roleIds.push(shown)
      return { status: 200, holds: () => shown === model.roles.get(name)?.roleId }
    },
  }
}

export function lookUpSecretId(model: Model, id: string, role: string): Deed {
  return {
    ask: { verb: 'write', path: `${at(role)}/secret-id/lookup`, token: model.rootToken, data: { secret_id: id } },
    probes: [],
    act(now) {
      if (!now.roles.has(role)) return { status: 400 }
      const found = livingSecretId(now, id, role)
      return found === null ? { status: 204 } : { status: 200, holds: ({ data }) => data?.['secret_id_num_uses'] === found.usesLeft && data['secret_id_accessor'] === found.accessor }
    },
  }
}

function livingSecretId(model: Model, id: string, role: string): SecretId | null {
  const found = model.secretIds.get(id)
  return found === undefined || found.role !== role || model.isOver(found.expiresAt) ? null : found
}

function makeSecretId(client: Client, name: string): Deed {
  return {
    ask: { verb: 'write', path: `${at(name)}/secret-id`, token: client.model.rootToken },
    probes: [],
    act(model, seen) {
      const role = model.roles.get(name)
      if (role === undefined) return { status: 404 }
      const id = contentOf(seen, 'secret_id')
      if (id !== null) {
        const expiresAt = role.secretIdTtl === 0 ? 0 : model.now + role.secretIdTtl * 1000
        model.set(model.secretIds, id, { role: name, roleId: role.roleId, accessor: contentOf(seen, 'secret_id_accessor') ?? '', usesLeft: role.secretIdUses, expiresAt })
        if (!client.known.secretIds.includes(`${id} ${name}`)) client.known.secretIds.push(`${id} ${name}`)
      }
      return { status: 200, holds: ({ data }) => data?.['secret_id_num_uses'] === role.secretIdUses && data['secret_id_ttl'] === role.secretIdTtl }
    },
  }
}

function destroySecretId({ model, dice }: Client, id: string, role: string): Deed {
  const accessor = model.secretIds.get(id)?.accessor ?? 'none'
  const probes = [lookUpSecretId(model, id, role)]
  const gone = (now: Model): Expected => {
    if (!now.roles.has(role)) return { status: 400 }
    if (now.secretIds.get(id)?.role === role) now.remove(now.secretIds, id)
    return { status: 204 }
  }
  const ask = { verb: 'write', token: model.rootToken } as const
  if (dice.chance(0.5)) return { ask: { ...ask, path: `${at(role)}/secret-id/destroy`, data: { secret_id: id } }, probes, act: gone }
  return {
    ask: { ...ask, path: `${at(role)}/secret-id-accessor/destroy`, data: { secret_id_accessor: accessor } },
    probes,
    act: (now) => (now.roles.has(role) && now.secretIds.get(id)?.accessor === accessor ? gone(now) : { status: 400 }),
  }
}

function logIn(client: Client, roleId: string, secretId: string): Deed {
  const { model } = client
  const roleName = model.secretIds.get(secretId)?.role
  return {
    ask: { verb: 'write', path: 'auth/approle/login', token: null, data: { role_id: roleId, secret_id: secretId } },
    probes: roleName === undefined ? [] : [lookUpSecretId(model, secretId, roleName)],
    probeNew: (seen) => lookUpNew(client, seen),
    act(now, seen) {
      const [name, role] = [...now.roles].find(([, { roleId: id }]) => id === roleId) ?? ['', null]
      const found = role === null ? null : livingSecretId(now, secretId, name)
      if (role === null || found === null) return { status: 400 }
      if (found.usesLeft === 1) now.remove(now.secretIds, secretId)
      else if (found.usesLeft > 1) now.set(now.secretIds, secretId, { ...found, usesLeft: found.usesLeft - 1 })
      return loggedIn(client, now, name, role, seen?.auth ?? null)
    },
  }
}

function loggedIn(client: Client, model: Model, name: string, role: Role, auth: Parameters<typeof born>[2]): Expected {
  const policies = [...new Set([...role.policies, 'default'])].sort()
  born(client, model, auth, {
    policies, role: name, parent: null, expiresAt: model.now + role.tokenTtl * 1000, ttl: role.tokenTtl, explicitMax: 0, period: 0, isRenewable: true, usesLeft: role.tokenUses,
    hasUses: role.tokenUses > 0,
  })
  return { status: 200, holds: (seen) => String(seen.auth?.['policies']) === policies.join() && seen.auth?.['lease_duration'] === role.tokenTtl }
}

export const useLogins: Idea = (client) => {
  const { model, dice, known } = client
  const name = dice.pick(roleNames)
  const role = model.roles.get(name)
  if (role === undefined) return writeRole(client, name)
  if (role.roleId === '') return readRoleId(client, name)
  const [id = '', of = name] = (pickKnown(client, known.secretIds) ?? '').split(' ')
  if (id === '' || dice.chance(0.25)) return makeSecretId(client, name)
  const deeds: readonly (() => Deed)[] = [
    () => logIn(client, model.roles.get(of)?.roleId || dice.pick(known.roleIds), id), () => logIn(client, model.roles.get(of)?.roleId || dice.pick(known.roleIds), id),
    () => logIn(client, dice.pick(known.roleIds), id), () => lookUpSecretId(model, id, of), () => destroySecretId(client, id, of),
    () => (dice.chance(0.5) ? writeRole(client, name) : readRole(model, name)), () => (dice.chance(0.3) ? deleteRole(client, name) : makeSecretId(client, name)),
  ]
  return dice.pick(deeds)()
}
