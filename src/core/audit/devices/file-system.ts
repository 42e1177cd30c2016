/** What the file device needs of the file system, so that tests can put a failing one in its place. */
import { close, constants, fchmod, fdatasync, fstat, open, stat, write, writev, type Stats } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { promisify } from 'node:util'

export interface OpenFile {
  readonly stat: () => Promise<Stats>
  /** Appends; resolves with the number of bytes taken, which may be fewer than given. */
  readonly write: (bytes: Uint8Array) => Promise<number>
  /** As `write` of all pieces, which are at most `piecesMax`. */
  readonly writeAll: (pieces: readonly Uint8Array[]) => Promise<number>
  /** To the disk. */
  readonly sync: () => Promise<void>
  readonly chmod: (mode: number) => Promise<void>
  readonly close: () => Promise<void>
}

/** What the system takes with one call (IOV_MAX of Linux and macOS). */
export const piecesMax = 1024

export interface FileSystem {
  /** Opens for appending, and makes the file with `mode` if it is not there. Never waits for a reader of a pipe. */
  readonly open: (path: string, mode: number) => Promise<OpenFile>
  /** Null when there is nothing. */
  readonly stat: (path: string) => Promise<Stats | null>
  readonly makeFolderOf: (path: string) => Promise<void>
}

const openAsync = promisify(open)
const statAsync = promisify(stat) as (path: string) => Promise<Stats>
const closeAsync = promisify(close)
const fdatasyncAsync = promisify(fdatasync)
const fchmodAsync = promisify(fchmod)
const fstatAsync = promisify(fstat) as (fd: number) => Promise<Stats>

/** A file that is open already, as standard output is. Callbacks rather than file handles: a write costs a third less. */
export const openFile = (fd: number): OpenFile => ({
  stat: () => fstatAsync(fd),
  write: (bytes) => new Promise((resolve, reject) => write(fd, bytes, 0, bytes.length, null, (error, taken) => (error === null ? resolve(taken) : reject(error)))),
  writeAll: (pieces) => new Promise((resolve, reject) => writev(fd, pieces, (error, taken) => (error === null ? resolve(taken) : reject(error)))),
  sync: () => fdatasyncAsync(fd),
  chmod: (mode) => fchmodAsync(fd, mode),
  close: () => closeAsync(fd),
})

const appending = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK | constants.O_NOCTTY

export const nodeFileSystem: FileSystem = {
  open: async (path, mode) => openFile(await openAsync(path, appending, mode)),
  async stat(path) {
    try {
      return await statAsync(path)
    } catch (error) {
      if (isMissing(error)) return null
      throw error
    }
  },
  makeFolderOf: async (path) => void (await mkdir(dirname(path), { recursive: true, mode: 0o700 })),
}

export const codeOf = (error: unknown): string | undefined => (error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined)
const isMissing = (error: unknown): boolean => codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR'
