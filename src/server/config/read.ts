/** Reads configuration files: one, several, or all of a folder (`*.hcl`, `*.json`), merged in the order of their names. */
import { readFile, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { ApiError } from '../../kit/errors.ts'
import { decodeHcl, type HclData, type HclRecord } from '../../kit/hcl/decode.ts'
import { parseHcl } from '../../kit/hcl/parser.ts'
import { ConfigError, Section } from './blocks.ts'

/** Parses the text of one file; `name` stands in the text of an error. */
export function parseConfigText(text: string, name: string): HclRecord {
  try {
    return decodeHcl(parseHcl(text))
  } catch (error) {
    if (error instanceof ApiError) throw new ConfigError(`${name}: ${error.message}`, { cause: error })
    throw error
  }
}

/** Throws a `ConfigError` that names the file. */
export async function readConfig(paths: readonly string[], extra: readonly HclRecord[] = []): Promise<Section> {
  const merged: HclRecord = Object.create(null) as HclRecord
  for (const path of paths) for (const file of await filesOf(path)) merge(merged, parseConfigText(await read(file), file))
  for (const record of extra) merge(merged, record)
  return new Section(merged, '')
}

async function filesOf(path: string): Promise<string[]> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    throw new ConfigError(`cannot read the configuration ${path}: ${error.code ?? 'failed'}`, { cause: error })
  })
  if (!found.isDirectory()) return [path]
  const names = (await readdir(path)).filter((name) => /\.(?:hcl|json)$/.test(name)).sort()
  if (names.length === 0) throw new ConfigError(`the folder ${path} holds no configuration (*.hcl, *.json)`)
  return names.map((name) => join(path, name))
}

const read = (file: string): Promise<string> =>
  readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new ConfigError(`cannot read the configuration ${file}: ${error.code ?? 'failed'}`, { cause: error })
  })

/** Blocks are added, single values replaced. */
function merge(into: HclRecord, from: HclRecord): void {
  for (const [key, value] of Object.entries(from)) {
    const earlier: HclData | undefined = Object.hasOwn(into, key) ? into[key] : undefined
    into[key] = Array.isArray(earlier) && Array.isArray(value) ? [...earlier, ...value] : value
  }
}
