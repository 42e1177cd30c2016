/** The engines and auth methods that this server knows, with their routes. */
import type { Engine } from '../kit/engine.ts'
import { routesOf, type Routes } from '../kit/route.ts'

export interface Registered {
  readonly engine: Engine
  /** Compiled when they are first asked for: a start pays for the engines that it meets. Throws as `routesOf` does. */
  readonly routes: Routes
}

export interface Registry {
  /** The engine for a mount of this type and options, or null. */
  readonly find: (kind: 'secret' | 'auth' | 'system', type: string, options: Readonly<Record<string, string>>) => Registered | null
  readonly types: (kind: 'secret' | 'auth' | 'system') => readonly string[]
  readonly all: readonly Registered[]
}

function registered(engine: Engine): Registered {
  let routes: Routes | null = null
  return Object.freeze({
    engine,
    get routes() {
      return (routes ??= routesOf(engine.operations))
    },
  })
}

export function registryOf(engines: readonly Engine[]): Registry {
  const all = engines.map(registered)
  const key = (kind: string, type: string, version: string | undefined): string => `${kind}/${type}/${version ?? ''}`
  const byKey = new Map(all.map((r) => [key(r.engine.kind, r.engine.type, r.engine.version), r]))
  const versions = new Map<string, string[]>()
  for (const { engine } of all) {
    if (engine.version !== undefined) versions.set(`${engine.kind}/${engine.type}`, [...(versions.get(`${engine.kind}/${engine.type}`) ?? []), engine.version].sort())
  }
  return {
    find(kind, type, options) {
      const known = versions.get(`${kind}/${type}`)
      return byKey.get(key(kind, type, known === undefined ? undefined : (options['version'] ?? known[0]))) ?? null
    },
    types: (kind) => [...new Set(all.filter((r) => r.engine.kind === kind).map((r) => r.engine.type))].sort(),
    all,
  }
}

/** Lets all engines go of their connections. */
export const releaseEngines = async ({ all }: Registry): Promise<void> => void (await Promise.allSettled(all.map(({ engine }) => engine.release?.())))
