/**
 * One server per folder. Who holds the lock listens on a socket in the folder: whether somebody does is for the kernel to say, so after
 * `kill -9` or a power cut nothing stale stands in the way, no process id has to be believed, and it works between
 * containers that share the folder. Those that start at once are kept apart by the write lock of a small LMDB environment,
 * which the kernel frees when its holder dies.
 */
import { type FileHandle, mkdir, open, realpath, rm } from 'node:fs/promises'
import { connect, createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { ApiError } from '../kit/errors.ts'
import { checkFiles, codeOf, type FolderOptions, prepareFolder, unusable } from './folder.ts'
import { openEnvironment } from './lmdb-binding.ts'

export interface FolderLock {
  /** Gives the folder free. The end of the process does the same. */
  release(): Promise<void>
}

/** The longest path that the address of a socket holds is 107 bytes on Linux and 103 on macOS (unix(7)). */
const socketPathBytesMax = 103

/** Folders that this process is just locking: a second attempt would wait for the first one's write lock and never give way to it. */
const entering = new Set<string>()
/** Keeps the handles of locked folders from being collected when a caller holds on to nothing. */
const handles = new Set<FileHandle>()

/**
 * Locks the folder until `release` or the end of the process; the lock does not keep the process alive. Throws `ApiError` 'conflict'
 * when it is held (by this process too), and 'internal' when the folder cannot be used. Workers that the holder starts share
 * the store without a lock of their own.
 */
export async function lockFolder(folder: string, options: FolderOptions = {}): Promise<FolderLock> {
  await prepareFolder(folder, options)
  const path = join(await realpath(folder), 'lock')
  await mkdir(path, { recursive: true, mode: 0o700 })
  await checkFiles(path)
  const handle = await open(path, 'r')
  try {
    const server = await enter(folder, path, socketPath(path, handle.fd))
    handles.add(handle)
    return Object.freeze({
      release: async () => {
        if (!handles.delete(handle)) return
        await close(server)
        await handle.close()
      },
    })
  } catch (error) {
    await handle.close()
    throw error instanceof ApiError ? error : unusable(folder, `cannot be locked: ${(error as Error).message}`, error)
  }
}

/** A path that is too long is shortened by way of the open folder, which must stay open as long as the socket. */
function socketPath(path: string, descriptor: number): string {
  const direct = join(path, 'server.sock')
  const isShort = Buffer.byteLength(direct) <= socketPathBytesMax || process.platform !== 'linux'
  return isShort ? direct : `/proc/self/fd/${descriptor}/server.sock`
}

async function enter(folder: string, path: string, socket: string): Promise<Server> {
  if (entering.has(path)) throw taken(folder)
  entering.add(path)
  const gate = openEnvironment({ folder: path, mapSizeBytes: 2 ** 20 })
  try {
    return await gate.transactionSync(async () => {
      if (await isAnswered(socket)) throw taken(folder)
      await rm(socket, { force: true })
      return await listen(socket)
    })
  } finally {
    await gate.close()
    entering.delete(path)
  }
}

const taken = (folder: string): ApiError => new ApiError('conflict', `another server already uses the storage folder "${folder}"`)

function isAnswered(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(socket)
    probe.once('connect', () => {
      probe.destroy()
      resolve(true)
    })
    // Refused: the file of a socket whose process is gone. Any other failure is no proof that nobody is there.
    probe.once('error', (error) => resolve(!['ENOENT', 'ECONNREFUSED', 'ENOTSOCK'].includes(codeOf(error))))
  })
}

function listen(socket: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((probe) => probe.destroy())
    server.once('error', reject)
    server.listen(socket, () => resolve(server))
    server.unref()
  })
}

const close = (server: Server): Promise<void> => new Promise((resolve) => server.close(() => resolve()))
