/** Numbers of users and groups by their names, from the files in which Unix keeps them. */
import { readFileSync } from 'node:fs'
import { ConfigError } from './entries.ts'

const files = { user: '/etc/passwd', group: '/etc/group' } as const

/** Null for nothing and for ''. Throws `ConfigError` for a name that the file does not have; other sources of names are not asked. */
export function findSystemId(kind: keyof typeof files, written: string | null): number | null {
  if (written === null || written === '') return null
  if (/^\d{1,10}$/.test(written)) return Number(written)
  const id = idIn(readLines(files[kind]), written)
  if (id === null) throw new ConfigError(`socket_${kind}: ${files[kind]} has no ${JSON.stringify(written)}; give the number instead`)
  return id
}

function idIn(lines: readonly string[], name: string): number | null {
  const id = lines.map((line) => line.split(':')).find(([first]) => first === name)?.[2]
  return id !== undefined && /^\d+$/.test(id) ? Number(id) : null
}

function readLines(file: string): readonly string[] {
  try {
    return readFileSync(file, 'utf8').split('\n')
  } catch {
    return [] // No such file (Windows): then no name is known, which the caller says.
  }
}
