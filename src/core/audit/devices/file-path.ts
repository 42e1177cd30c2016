/**
 * Which files an audit device may append to. Whoever may enable devices must not be able to make the server damage its own data, or
 * write into files that other programs obey (CVE-2025-6000, CVE-2025-54997, CVE-2026-105816).
 */
import type { Stats } from 'node:fs'
import { open, realpath } from 'node:fs/promises'
import { basename, dirname, join, resolve, sep } from 'node:path'
import { badRequest } from '../../../kit/errors.ts'
import type { AuditLimits } from '../config.ts'

/** Character devices that are good for something here. */
const allowedDevices = /^\/dev\/(?:null|full|stdout|stderr|tty|console|fd\/[0-9]{1,4})$/

export const isDevicePath = (path: string): boolean => allowedDevices.test(path)

/** Throws `bad_request` unless `path` may be an audit file as far as its place goes. Symbolic links are followed. */
export async function checkFilePath(path: string, limits: AuditLimits): Promise<void> {
  if (isDevicePath(path)) return
  const real = await realPathOf(resolve(path))
  if (/^\/(?:dev|proc|sys)\//.test(real)) throw badRequest('option "file_path": not a place for an audit file')
  if (limits.dataFolder !== null && isWithin(real, await realPathOf(resolve(limits.dataFolder)))) {
    throw badRequest('option "file_path" lies in the data folder of the server')
  }
  if (limits.folders === null) return
  for (const folder of limits.folders) if (isWithin(real, await realPathOf(resolve(folder)))) return
  throw badRequest('option "file_path" lies outside of the folders that the configuration allows for audit files')
}

const isWithin = (path: string, folder: string): boolean => path === folder || path.startsWith(folder.endsWith(sep) ? folder : folder + sep)

/** Where the path leads, as far as it exists. */
async function realPathOf(path: string): Promise<string> {
  try {
    return await realpath(path)
  } catch {
    const parent = dirname(path)
    return parent === path ? path : join(await realPathOf(parent), basename(path))
  }
}

/** How lines of audit files begin, ours and Vault's, after a prefix. */
const auditHead = /^(?:[\w.:@=-]{0,64} ?)?\{"(?:time|type|auth|error|request|response|chain)":/
const headBytes = 128

/** Throws unless what was opened is a new file, an audit file, or a device that takes lines. */
export async function checkFileKind(path: string, found: Stats): Promise<void> {
  if (isDevicePath(path)) return
  if (found.isBlockDevice() || found.isDirectory() || found.isSocket() || found.isCharacterDevice()) throw badRequest('option "file_path" is no file')
  if (!found.isFile() || found.size === 0) return
  const head = await readHead(path)
  if (head !== null && !auditHead.test(head)) throw badRequest('option "file_path" names a file that is not an audit log')
}

/** Null when it may be written but not read. */
async function readHead(path: string): Promise<string | null> {
  let file
  try {
    file = await open(path, 'r')
    const { buffer, bytesRead } = await file.read(Buffer.alloc(headBytes), 0, headBytes, 0)
    return buffer.toString('latin1', 0, bytesRead).trimStart()
  } catch {
    return null
  } finally {
    await file?.close()
  }
}
