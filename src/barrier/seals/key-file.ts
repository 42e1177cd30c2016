/**
 * The key-file seal: 32 random bytes in a file that only the server's user may read. It lets a server unseal itself, and protects a
 * stolen store, a backup or a disk image that comes without the file; it does not protect from who can read that file.
 */
import { randomBytes } from 'node:crypto'
import { constants, open, type FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import { aeadKeyLength } from '../../crypto/aead.ts'
import { badRequest } from '../../kit/errors.ts'
import { keyWrapSeal } from './key-wrap.ts'
import type { Seal } from './seal.ts'

export const keyFileType = 'keyfile'

/** The seal of a key that is at hand: what the file holds, sent by an operator as proof. */
export const keyFileSeal = (key: Uint8Array): Seal => keyWrapSeal(keyFileType, true, key)

/** Makes a key file of mode 0600, durably. Throws 'bad_request' when there is something at that place: a key is never overwritten. */
export async function createKeyFile(path: string): Promise<void> {
  const file = await open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600).catch((error: unknown) => {
    throw unusable(path, error)
  })
  const key = randomBytes(aeadKeyLength)
  try {
    // The mode of `open` is cut by the umask, never widened; but a mode of 0400 would do no harm either.
    await file.writeFile(key)
    await file.sync()
  } finally {
    key.fill(0)
    await file.close()
  }
  await syncFolder(dirname(path))
}

/** The seal of a key file. Throws 'bad_request', naming the file and what to do, when it is missing, open to others, or no key. */
export async function openKeyFileSeal(path: string): Promise<Seal> {
  const file = await open(path, 'r').catch((error: unknown) => {
    throw unusable(path, error)
  })
  try {
    await checkKeyFile(path, file)
    const key = Buffer.alloc(aeadKeyLength)
    const { bytesRead } = await file.read(key, 0, key.length, 0)
    if (bytesRead !== key.length) throw badRequest(`the key file "${path}" changed while it was read`)
    const seal = keyFileSeal(key)
    key.fill(0)
    return seal
  } finally {
    await file.close()
  }
}

async function checkKeyFile(path: string, file: FileHandle): Promise<void> {
  const { mode, size, isFile } = await file.stat().then((stat) => ({ mode: stat.mode & 0o777, size: stat.size, isFile: stat.isFile() }))
  if (!isFile) throw badRequest(`the key file "${path}" is not a file`)
  // Windows has no such modes: there the folder's access list has to do.
  if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
    throw badRequest(`the key file "${path}" is open to other users (mode ${mode.toString(8).padStart(3, '0')}): chmod 600 it`)
  }
  if (size !== aeadKeyLength) throw badRequest(`the key file "${path}" has ${size} bytes instead of ${aeadKeyLength}: it is not a key file`)
}

function unusable(path: string, error: unknown): Error {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  const reasons = new Map([
    ['ENOENT', 'does not exist'],
    ['EACCES', 'may not be read or made by this user'],
    ['EPERM', 'may not be read or made by this user'],
    ['EEXIST', 'exists already and is not overwritten'],
    ['EISDIR', 'is a folder'],
    ['ENOTDIR', 'lies under something that is not a folder'],
  ])
  return badRequest(`the key file "${path}" ${reasons.get(code) ?? `cannot be used (${code})`}`, { cause: error })
}

/** The name of a new file is durable only once its folder is. Some systems cannot sync folders; those keep names themselves. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r').catch(() => null)
  await folder?.sync().catch(() => undefined)
  await folder?.close()
}
