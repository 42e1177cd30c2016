/** Secrets with versions. */
import type { JsonObject } from '../../kit/json.ts'
import { formatTime } from '../../kit/time.ts'
import type { Served } from '../../request/testing/serve-harness.ts'
import type { Deed, Expected } from '../deed.ts'
import type { Model, Secret, Version } from '../model.ts'
import { kvPaths, secretNames, someCaller, type Client, type Idea } from './client.ts'

const versionsKept = 10

type InMount = (key: string, secret: Secret | null) => Expected

/** Nothing is served where no such engine is mounted. */
function inMount(model: Model, path: string, name: string, act: InMount): Expected {
  const mount = model.mounts.get(path)
  if (mount?.type !== 'kv') return { status: 404 }
  const key = `${mount.id} ${name}`
  return act(key, model.secrets.get(key) ?? null)
}

/** What is deleted at a time that is yet to come, since the clock went back, is still there. */
const isLive = ({ deletedAt, isDestroyed }: Version, now: number): boolean => (deletedAt === 0 || deletedAt > now) && !isDestroyed

function shows(answer: JsonObject | null, number: number, { createdAt, deletedAt, isDestroyed }: Version): boolean {
  return answer?.['version'] === number && answer['created_time'] === formatTime(createdAt) && answer['destroyed'] === isDestroyed
    && answer['deletion_time'] === (deletedAt === 0 ? '' : formatTime(deletedAt))
}

export function readSecret(path: string, name: string, token: string, version = 0): Deed {
  return {
    ask: { verb: 'read', path: `${path}/data/${name}`, token, ...(version === 0 ? {} : { data: { version: String(version) } }) },
    probes: [],
    act: (model) => inMount(model, path, name, (_, secret) => {
      const number = version || (secret?.current ?? 0)
      const found = secret?.versions.get(number)
      if (found === undefined) return { status: 404, holds: ({ data }) => data === null }
      const value = isLive(found, model.now) ? found.value : null
      return { status: value === null ? 404 : 200, holds: ({ data }) => valueIn(data) === value && shows((data?.['metadata'] ?? null) as JsonObject | null, number, found) }
    }),
  }
}

const valueIn = (data: Served['data']): unknown => (data?.['data'] as JsonObject | null)?.['value'] ?? null

function readMetadata(path: string, name: string, token: string): Deed {
  return {
    ask: { verb: 'read', path: `${path}/metadata/${name}`, token },
    probes: [],
    act: (model) => inMount(model, path, name, (_, secret) => {
      if (secret === null) return { status: 404 }
      return {
        status: 200,
        holds({ data }) {
          const versions = (data?.['versions'] ?? {}) as Readonly<Record<string, JsonObject>>
          return data?.['current_version'] === secret.current && Object.keys(versions).length === secret.versions.size
            && [...secret.versions].every(([number, version]) => shows({ ...versions[String(number)], version: number }, number, version))
        },
      }
    }),
  }
}

/** The newest version, and what is told of all of them. */
const look = (model: Model, path: string, name: string): Deed[] => [readSecret(path, name, model.rootToken), readMetadata(path, name, model.rootToken)]

function put(client: Client, path: string, name: string, token: string): Deed {
  const { model, dice } = client
  const value = `value-${client.serial++}`
  const current = inMountNow(model, path, name)?.current ?? 0
  const cas = dice.chance(0.5) ? dice.pick([current, current, current + 1, 0]) : null
  return {
    ask: { verb: 'write', path: `${path}/data/${name}`, token, data: { data: { value }, ...(cas === null ? {} : { options: { cas } }) } },
    probes: look(model, path, name),
    act: (now) => inMount(now, path, name, (key, secret) => {
      const before = secret ?? { current: 0, versions: new Map() }
      if (cas !== null && cas !== before.current) return { status: 400 }
      const number = before.current + 1
      const version: Version = { value, createdAt: now.now, deletedAt: 0, isDestroyed: false }
      const versions = new Map([...before.versions, [number, version]])
      for (const old of versions.keys()) if (old <= number - versionsKept) versions.delete(old)
      now.set(now.secrets, key, { current: number, versions })
      return { status: 200, holds: ({ data }) => shows(data, number, version) }
    }),
  }
}

const inMountNow = (model: Model, path: string, name: string): Secret | undefined => model.secrets.get(`${model.mounts.get(path)?.id} ${name}`)

/** Changes the versions with these numbers (none: the newest), where they are there. */
function change(client: Client, request: Pick<Deed['ask'], 'verb' | 'path' | 'data' | 'token'>, place: readonly [string, string], numbers: readonly number[], by: (version: Version, now: number) => Version, missing: number): Deed {
  const [path, name] = place
  return {
    ask: request,
    probes: look(client.model, path, name),
    act: (model) => inMount(model, path, name, (key, secret) => {
      if (secret === null) return { status: missing }
      const versions = new Map(secret.versions)
      for (const number of numbers.length === 0 ? [secret.current] : numbers) {
        const version = versions.get(number)
        if (version !== undefined) versions.set(number, by(version, model.now))
      }
      model.set(model.secrets, key, { ...secret, versions })
      return { status: 204 }
    }),
  }
}

const deleted = (version: Version, now: number): Version => (isLive(version, now) ? { ...version, deletedAt: now } : version)
const undeleted = (version: Version): Version => (version.isDestroyed ? version : { ...version, deletedAt: 0 })
const destroyed = (version: Version): Version => ({ ...version, isDestroyed: true })

function forget(model: Model, path: string, name: string, token: string): Deed {
  return {
    ask: { verb: 'delete', path: `${path}/metadata/${name}`, token },
    probes: look(model, path, name),
    act: (now) => inMount(now, path, name, (key) => {
      now.remove(now.secrets, key)
      return { status: 204 }
    }),
  }
}

export function listSecrets(path: string, token: string): Deed {
  return {
    ask: { verb: 'list', path: `${path}/metadata`, token },
    probes: [],
    act: (model) => inMount(model, path, '', (prefix) => {
      const names = [...model.secrets.keys()].filter((key) => key.startsWith(prefix)).map((key) => key.slice(prefix.length))
      const top = [...new Set(names.map((name) => (name.includes('/') ? name.slice(0, name.indexOf('/') + 1) : name)))].sort()
      return { status: top.length === 0 ? 404 : 200, holds: ({ keys }) => keys.join() === top.join() }
    }),
  }
}

export const useSecrets: Idea = (client) => {
  const { model, dice } = client
  const [path, name, token] = [dice.pick(kvPaths), dice.pick(secretNames), someCaller(client)]
  const current = inMountNow(model, path, name)?.current ?? 1
  const versions = [Math.max(1, dice.pick([current, current, current - 1, current + 1]))]
  const versioned = (what: string) => ({ verb: 'write' as const, path: `${path}/${what}/${name}`, token, data: { versions } })
  const deeds: readonly (() => Deed)[] = [
    () => put(client, path, name, token), () => put(client, path, name, token), () => put(client, path, name, token),
    () => readSecret(path, name, token), () => readSecret(path, name, token, dice.between(0, current + 1)),
    () => readMetadata(path, name, token), () => listSecrets(path, token),
    () => change(client, { verb: 'delete', path: `${path}/data/${name}`, token }, [path, name], [], deleted, 204),
    () => change(client, versioned('delete'), [path, name], versions, deleted, 204),
    () => change(client, versioned('undelete'), [path, name], versions, undeleted, 204),
    () => change(client, versioned('destroy'), [path, name], versions, destroyed, 204),
    () => forget(model, path, name, token),
  ]
  return dice.pick(deeds)()
}
