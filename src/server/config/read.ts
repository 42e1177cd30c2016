/** Reads configuration files: one, several, or all of a folder (`*.hcl`, `*.json`), in the order of their names. */
import { readFile, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { ConfigError, parseConfigText, type Entries } from './entries.ts'

/** Where a configuration comes from. */
export interface ConfigSource {
  /** Files and folders. */
  readonly paths: readonly string[]
  /** The text of one more, from the environment, or ''. */
  readonly localText: string
  /** Whether a folder without any configuration is a mistake. */
  readonly folderMayBeEmpty: boolean
}

/** The entries of all files, one after the other. Throws a `ConfigError` that names the file. */
export async function readConfig({ paths, localText, folderMayBeEmpty }: ConfigSource): Promise<Entries> {
  const entries: Entries[] = []
  for (const path of paths) for (const file of await filesOf(path, folderMayBeEmpty)) entries.push(parseConfigText(await read(file), file))
  if (localText !== '') entries.push(parseConfigText(localText, 'LOCAL_CONFIG'))
  return entries.flat()
}

async function filesOf(path: string, mayBeEmpty: boolean): Promise<string[]> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => fail(path, error))
  if (!found.isDirectory()) return [path]
  const names = (await readdir(path).catch((error: NodeJS.ErrnoException) => fail(path, error))).filter((name) => /\.(?:hcl|json)$/.test(name)).sort()
  if (names.length === 0 && !mayBeEmpty) throw new ConfigError(`the folder ${path} holds no configuration (*.hcl, *.json)`)
  return names.map((name) => join(path, name))
}

const read = (file: string): Promise<string> => readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => fail(file, error))

const reasons: Readonly<Record<string, string>> = { ENOENT: 'there is no such file', EACCES: 'no permission', ENOTDIR: 'a part of the path is no folder' }

function fail(path: string, error: NodeJS.ErrnoException): never {
  throw new ConfigError(`cannot read the configuration ${path}: ${reasons[error.code ?? ''] ?? error.code ?? 'it failed'}`, { cause: error })
}
