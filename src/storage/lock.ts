/**
 * One server per folder. Who holds the lock listens on a socket in the folder: whether somebody does is for the kernel to say, so after
 * `kill -9` or a power cut nothing stale stands in the way, no process id has to be believed, and it works between
 * containers that share the folder. Those that start at once are kept apart by the write lock of a small LMDB environment,
 * which the kernel frees when its holder dies. Processes that share the store keep a copy of that socket, so that the folder is not free before the last of
 * them has ended, whatever became of the holder.
 */
import { type FileHandle, mkdir, open, realpath, rm } from 'node:fs/promises'
import { connect, createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { ApiError } from '../kit/errors.ts'
import { checkFiles, codeOf, type FolderOptions, prepareFolder, unusable } from './folder.ts'
import { openEnvironment } from './lmdb-binding.ts'

export interface FolderLock {
  /** What other processes are to keep (`ChildProcess.send` passes it on). They need do nothing with it. */
  readonly copy: object
  /** Gives the folder free. The end of the process does the same. */
  release(): Promise<void>
}

/** The longest path that the address of a socket holds is 107 bytes on Linux and 103 on macOS (unix(7)). */
const socketPathBytesMax = 103
/** A holder answers a probe by closing it; one that is silent for so long has ended, or is stuck. */
const silentMs = 1_000
/** What is left of a server that has ended goes within moments. One that goes on for so long is named. */
const remainsMs = 10_000

/** Folders that this process is just locking: a second attempt would wait for the first one's write lock and never give way to it. */
const entering = new Set<string>()
/** Keeps the handles of locked folders from being collected when a caller holds on to nothing. */
const handles = new Set<FileHandle>()

/**
 * Locks the folder until `release` or the end of the process; the lock does not keep the process alive. Throws `ApiError` 'conflict'
 * when it is held (by this process too), and 'internal' when the folder cannot be used. Processes that share the
 * store with the holder need no lock of their own, but a copy of this one.
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
      copy: Reflect.get(server, '_handle') as object,
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
      await waitForRemains(folder, socket)
      await rm(socket, { force: true })
      return await listen(socket)
    })
  } finally {
    await gate.close()
    entering.delete(path)
  }
}

/** Throws unless nobody holds the lock, or soon nobody does. */
async function waitForRemains(folder: string, socket: string): Promise<void> {
  for (const end = AbortSignal.timeout(remainsMs); ; await pause(20)) {
    const holder = await holderOf(socket)
    if (holder === 'nobody') return
    if (holder === 'server') throw taken(folder)
    if (end.aborted) throw new ApiError('conflict', `processes of a server that has ended still use the storage folder "${folder}"`)
  }
}

const taken = (folder: string): ApiError => new ApiError('conflict', `another server already uses the storage folder "${folder}"`)

/** `remains`: somebody has the socket, and does not answer. */
function holderOf(socket: string): Promise<'nobody' | 'server' | 'remains'> {
  return new Promise((resolve) => {
    const probe = connect(socket)
    const silence = setTimeout(() => probe.destroy(), silentMs)
    const settle = (holder: 'nobody' | 'server' | 'remains'): void => {
      clearTimeout(silence)
      resolve(holder)
    }
    probe.once('end', () => settle('server'))
    probe.once('close', () => settle('remains'))
    // Refused: the file of a socket whose process is gone. Any other failure is no proof that nobody is there.
    probe.once('error', (error) => settle(['ENOENT', 'ECONNREFUSED', 'ENOTSOCK'].includes(codeOf(error)) ? 'nobody' : 'remains'))
    probe.resume()
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
