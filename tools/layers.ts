/** Which folder may import which: an import only ever points down this list, and no imports run in a circle. */
import type { Breach, Source } from './source.ts'

interface Layer {
  readonly folder: string
  /** Layers it may import besides itself; default: every one that stands below it. */
  readonly only?: readonly string[]
  /** Single files of other layers that it may load. */
  readonly files?: readonly string[]
  /** Whether it must do without Node's own modules, because it also runs in a browser or has no business with them. */
  readonly withoutNode?: boolean
}

const layers: readonly Layer[] = [
  { folder: 'src/boot', only: [] }, // loads the bundles, before anything else
  {
    folder: 'src/cli',
    only: ['src/server', 'src/agent', 'src/scan', 'client/src/node', 'client/src', 'src/kit'],
    // `audit verify` and `operator snapshot` work on files, without a server; `transit import` wraps keys as the server unwraps them.
    files: ['src/core/audit/verify.ts', 'src/storage/snapshot/read.ts', 'src/crypto/key-wrap.ts'],
  },
  // The agent's own listeners are those of the server.
  { folder: 'src/agent', only: ['src/http', 'src/statsd', 'client/src/node', 'client/src', 'src/kit'], files: ['src/request/wire.ts'] },
  { folder: 'src/scan', only: ['client/src', 'src/kit'] },
  { folder: 'src/simulation' }, // tests only: whole servers over a store and a clock that a seed rules
  { folder: 'src/security' }, // tests only: one file for each class of published flaws
  { folder: 'src/server' },
  { folder: 'src/gateways' },
  { folder: 'src/statsd', only: ['src/kit'] }, // figures of server and agent, sent
  { folder: 'src/http' },
  { folder: 'src/request' },
  { folder: 'src/system' },
  { folder: 'src/engines', only: ['src/crypto', 'src/kit'] },
  { folder: 'src/auth', only: ['src/crypto', 'src/kit'] },
  { folder: 'src/core' },
  { folder: 'src/barrier' },
  { folder: 'src/storage' },
  { folder: 'src/crypto' },
  { folder: 'src/kit', only: [], withoutNode: true },
  { folder: 'client/src/node', only: ['client/src'] },
  { folder: 'client/src', only: [], withoutNode: true },
]

/** Folders beside the product: they may look at all of it, and nothing of it looks at them. */
const outside = ['tools', 'bench', 'compat']

const layerOf = (path: string): Layer | undefined => layers.find(({ folder }) => path.startsWith(`${folder}/`))

function mayImport(from: Layer, to: Layer): boolean {
  if (from === to) return true
  if (from.only) return from.only.includes(to.folder)
  return to.folder !== 'client/src' && layers.indexOf(to) > layers.indexOf(from)
}

/** Tests may reach up, to go through the whole server; everything else imports downwards only. */
export function checkLayers(source: Source): Breach[] {
  const from = layerOf(source.path)
  const breach = (line: number, what: string): Breach => ({ where: `${source.path}:${line}`, what })
  if (!from) return outside.some((folder) => source.path.startsWith(`${folder}/`)) ? [] : [breach(1, 'in no known layer; see tools/layers.ts')]
  if (source.path.endsWith('.test.ts')) return []
  return source.imports.flatMap(({ target, line }) => {
    if (!target.includes('/') || !target.endsWith('.ts')) {
      return from.withoutNode && target.startsWith('node:') ? [breach(line, `${from.folder} does without Node; it imports ${target}`)] : []
    }
    const to = layerOf(target)
    return (to && mayImport(from, to)) || from.files?.includes(target) ? [] : [breach(line, `${from.folder} may not import ${target}; imports only point down the layers`)]
  })
}

/** Every circle of imports, named once by its files. */
export function checkCircles(sources: readonly Source[]): Breach[] {
  const targets = new Map(sources.map((source) => [source.path, source.imports.map(({ target }) => target)]))
  const state = new Map<string, 'open' | 'done'>()
  const trail: string[] = []
  const circles: Breach[] = []
  const visit = (path: string): void => {
    state.set(path, 'open')
    trail.push(path)
    for (const target of targets.get(path) ?? []) {
      if (!targets.has(target)) continue
      const seen = state.get(target)
      if (seen === 'open') circles.push({ where: target, what: `circle of imports: ${[...trail.slice(trail.indexOf(target)), target].join(' > ')}` })
      else if (!seen) visit(target)
    }
    trail.pop()
    state.set(path, 'done')
  }
  for (const path of targets.keys()) if (!state.has(path)) visit(path)
  return circles
}
