/** The rules for dependencies: exact versions, and each one explained in `docs/dependencies.md`. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Breach } from './source.ts'

type Versions = Readonly<Record<string, string>>
const groups = ['dependencies', 'devDependencies', 'optionalDependencies', 'peerDependencies'] as const
export type Manifest = Readonly<Partial<Record<(typeof groups)[number], Versions>>>

/** Peers that are loaded only when configured say a range of what works; all others one exact version. */
export function checkManifest(where: string, manifest: Manifest, explained: string): Breach[] {
  return groups.flatMap((group) =>
    Object.entries(manifest[group] ?? {}).flatMap(([name, version]) => {
      const breaches: Breach[] = []
      if (group !== 'peerDependencies' && !/^\d+\.\d+\.\d+(?:-[\w.]+)?$/.test(version)) {
        breaches.push({ where, what: `${name} is "${version}"; name one exact version` })
      }
      if (!explained.includes(`\`${name}\``)) breaches.push({ where: 'docs/dependencies.md', what: `${name} is not explained` })
      return breaches
    }),
  )
}

export function checkDependencies(root: string): Breach[] {
  const explained = readFileSync(join(root, 'docs/dependencies.md'), 'utf8')
  const manifests = ['package.json', 'client/package.json']
  return manifests.flatMap((path) => {
    const text = readOptional(join(root, path))
    return text === null ? [] : checkManifest(path, JSON.parse(text) as Manifest, explained)
  })
}

function readOptional(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return null // the client need not be there yet; package.json is, or npm would not have run this
  }
}
