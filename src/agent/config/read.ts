/** Reads the files of a configuration: HCL or JSON, by their content; folders stand for the `.hcl` and `.json` files in them. */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { decodeHcl, type HclRecord } from '../../kit/hcl/decode.ts'
import { parseHcl } from '../../kit/hcl/parser.ts'
import { AgentConfigError } from './entries.ts'

export function readAgentFiles(paths: readonly string[]): HclRecord {
  const files = paths.flatMap(filesAt)
  if (files.length === 0) throw new AgentConfigError('no configuration file: give one with -config')
  const merged = Object.create(null) as HclRecord
  for (const file of files) {
    for (const [key, value] of Object.entries(readFile(file))) {
      const earlier = merged[key]
      merged[key] = Array.isArray(value) && Array.isArray(earlier) ? [...earlier, ...value] : value
    }
  }
  return merged
}

function filesAt(path: string): string[] {
  try {
    if (!statSync(path).isDirectory()) return [path]
    return readdirSync(path).filter((name) => /\.(?:hcl|json)$/.test(name)).toSorted().map((name) => join(path, name))
  } catch (error) {
    throw new AgentConfigError(`${path} cannot be read: ${(error as NodeJS.ErrnoException).code ?? 'unknown'}`)
  }
}

function readFile(file: string): HclRecord {
  try {
    return decodeHcl(parseHcl(readFileSync(file, 'utf8')))
  } catch (error) {
    throw new AgentConfigError(`${file}: ${(error as Error).message}`)
  }
}
