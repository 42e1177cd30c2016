/** The folder that holds a store: made, checked, and refused where LMDB would not be safe. */
import { constants } from 'node:fs'
import { access, chmod, mkdir, open, stat, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { ApiError } from '../kit/errors.ts'

/**
 * Linux's numbers of file systems whose files other machines may change, or whose memory maps and locks are not coherent
 * (statfs(2)). FUSE and 9P stand for whatever is behind them, mostly a network or another kernel.
 */
const networkFileSystems: ReadonlyMap<number, string> = new Map([
  [0x6969, 'NFS'],
  [0x517b, 'SMB'],
  [0xfe534d42, 'SMB2'],
  [0xff534d42, 'CIFS'],
  [0x01021997, '9P'],
  [0x65735546, 'FUSE'],
  [0x5346414f, 'AFS'],
  [0x00c36400, 'Ceph'],
  [0x0bd00bd0, 'Lustre'],
  [0x47504653, 'GPFS'],
  [0x73757245, 'Coda'],
  [0x564c, 'NCP'],
  [0x01161970, 'GFS2'],
  [0x7461636f, 'OCFS2'],
  [0x786f4256, 'VirtualBox shared folder'],
])

/** The name of a network file system by its number (`f_type` of statfs(2), which some kernels give with a sign), or null. */
export const findNetworkFileSystem = (type: number): string | null => networkFileSystems.get(type >>> 0) ?? null

export interface FolderOptions {
  /** Uses the folder even on a network file system: the operator answers for it. */
  readonly acceptNetworkFileSystem?: boolean
}

/**
 * Makes the folder if it is missing, readable by nobody else, and checks that a store can live in it. Throws an `ApiError`
 * 'internal' whose message is for the operator.
 */
export async function prepareFolder(folder: string, options: FolderOptions = {}): Promise<void> {
  await makeFolder(folder)
  await checkFolder(folder)
  await checkSpace(folder)
  if (process.platform === 'linux' && options.acceptNetworkFileSystem !== true) await checkFileSystem(folder)
}

async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 })
  } catch (error) {
    const code = codeOf(error)
    if (code === 'EEXIST' || code === 'ENOTDIR') throw unusable(folder, 'is not a directory', error)
    throw unusable(folder, `cannot be made (${code})`, error)
  }
}

async function checkFolder(folder: string): Promise<void> {
  const { mode, uid } = await stat(folder)
  try {
    await access(folder, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (error) {
    throw unusable(folder, 'cannot be read and written by this user', error)
  }
  if ((mode & 0o077) === 0) return
  // Whoever may write here could put another file in the place of the store.
  if (uid === process.getuid?.()) return await chmod(folder, 0o700)
  if ((mode & 0o002) !== 0) throw unusable(folder, 'belongs to another user and may be written by everybody')
}

/** What a new store takes, and some room. */
const newStoreBytes = 2 ** 20

/** On a full disk the memory map of a new file cannot be filled, and touching it kills the process. Files that are there have their place. */
async function checkSpace(folder: string): Promise<void> {
  const isThere = await access(join(folder, 'lock.mdb')).then(() => true, () => false)
  if (isThere) return
  const { bavail, bsize } = await statfs(folder)
  if (bavail * bsize < newStoreBytes) throw unusable(folder, 'lies on a disk that is full')
}

async function checkFileSystem(folder: string): Promise<void> {
  const name = findNetworkFileSystem((await statfs(folder)).type)
  if (name === null) return
  throw unusable(folder, `lies on a network file system (${name}), where its memory map and locks are not safe`)
}

/** What stands at byte 24 of an LMDB file: a magic number, then the version of the format in the low 16 bits. */
const lmdbMagic = 0xbeefc0de
const lmdbVersion = 2

/**
 * Checks the files of an environment before LMDB opens them, since the binding does not survive a failure to open. Throws an `ApiError`
 * 'internal' for the operator when they may not be used or are something else.
 */
export async function checkFiles(folder: string): Promise<void> {
  for (const name of ['data.mdb', 'lock.mdb']) {
    try {
      await access(join(folder, name), constants.R_OK | constants.W_OK)
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw unusable(folder, `holds a file "${name}" that cannot be read and written by this user`, error)
    }
  }
  if (!(await isDataFile(join(folder, 'data.mdb')))) throw unusable(folder, 'holds a file "data.mdb" that is no store of this program')
}

/** True for a file that is missing or empty too: LMDB makes it. */
async function isDataFile(path: string): Promise<boolean> {
  const header = Buffer.alloc(32)
  let length = 0
  try {
    const handle = await open(path, 'r')
    length = (await handle.read(header)).bytesRead
    await handle.close()
  } catch (error) {
    return codeOf(error) === 'ENOENT'
  }
  if (length === 0) return true
  const [magic, version] = [header.readUInt32LE(24), header.readUInt32LE(28)]
  return length === header.length && magic === lmdbMagic && (version & 0xffff) === lmdbVersion
}

export const codeOf = (error: unknown): string => String((error as NodeJS.ErrnoException).code ?? error)

export const unusable = (folder: string, why: string, cause?: unknown): ApiError =>
  new ApiError('internal', `the storage folder "${folder}" ${why}`, cause === undefined ? {} : { cause })
