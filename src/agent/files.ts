/** Files that an agent writes: whole or not at all, with the permissions that were asked for from the first byte. */
import { chmodSync, chownSync, copyFileSync, mkdirSync, openSync, closeSync, readFileSync, renameSync, rmSync, statSync, writeSync, fsync, fsyncSync } from 'node:fs'
import { dirname } from 'node:path'
import { promisify } from 'node:util'

export interface FileRequest {
  readonly path: string
  readonly content: string
  /** Null: as the file had it before, or 0644. */
  readonly mode: number | null
  /** Names or numbers; '' leaves it. */
  readonly user?: string
  readonly group?: string
  readonly createFolders?: boolean
  /** Keeps what was there as `PATH.bak`. */
  readonly backup?: boolean
}

const defaultMode = 0o644

/** Answers whether anything has changed. Throws what the file system says. */
export function writeWhole(request: FileRequest): boolean {
  const steps = writing(request)
  for (let step = steps.next(); ; step = steps.next()) {
    if (step.done === true) return step.value
    fsyncSync(step.value)
  }
}

const sync = promisify(fsync)

/** The same, without keeping others waiting for the disk. */
export async function writeWholeAside(request: FileRequest): Promise<boolean> {
  const steps = writing(request)
  for (let step = steps.next(); ; step = steps.next()) {
    if (step.done === true) return step.value
    const failure = await sync(step.value).then(() => null, (error: unknown) => error)
    if (failure !== null) steps.throw(failure)
  }
}

/** Gives the files that have to be on the disk before it goes on. */
function* writing({ path, content, mode, user = '', group = '', createFolders = false, backup = false }: FileRequest): Generator<number, boolean> {
  const before = contentOf(path)
  if (createFolders) mkdirSync(dirname(path), { recursive: true, mode: 0o755 })
  const wanted = mode ?? modeOf(path) ?? defaultMode
  if (before === content) {
    if (modeOf(path) !== wanted) chmodSync(path, wanted)
    return false
  }
  if (backup && before !== null) copyFileSync(path, `${path}.bak`)
  const temporary = `${path}.${process.pid}.tmp`
  try {
    yield* writingSynced(temporary, content, wanted)
    if (user !== '' || group !== '') chownSync(temporary, idOf('/etc/passwd', user, -1), idOf('/etc/group', group, -1))
    renameSync(temporary, path)
  } catch (error) {
    rmSync(temporary, { force: true })
    throw error
  }
  return true
}

function* writingSynced(path: string, content: string, mode: number): Generator<number, void> {
  rmSync(path, { force: true })
  const file = openSync(path, 'wx', 0o600)
  try {
    writeSync(file, content)
    yield file
  } finally {
    closeSync(file)
  }
  chmodSync(path, mode)
}

function contentOf(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return null
  }
}

function modeOf(path: string): number | null {
  try {
    return statSync(path).mode & 0o7777
  } catch {
    return null
  }
}

/** The number of a user or group; `-1` leaves it as it is. */
export function idOf(file: string, name: string, otherwise: number): number {
  if (name === '') return otherwise
  if (/^\d+$/.test(name)) return Number(name)
  const line = readFileSync(file, 'utf8').split('\n').find((one) => one.startsWith(`${name}:`))
  if (line === undefined) throw new Error(`there is no ${file === '/etc/group' ? 'group' : 'user'} "${name}"`)
  return Number(line.split(':')[2])
}
