/** What a program was given last, sealed in a file, for a start while the server cannot be asked. */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'
import { linkSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { parseExact } from '../../client/src/exact-json.ts'
import { writeWhole } from './files.ts'
import type { Variables } from './injection.ts'

export interface FallbackPlace {
  readonly file: string
  /** A file of 32 random bytes for this user alone; made where it is missing. Whoever has both files has the secrets. */
  readonly keyFile: string
  /** What the variables are for: the server, and what of it. A file that was written for anything else is not read. */
  readonly purpose: string
}

interface Kept {
  /** Milliseconds since 1970. */
  readonly at: number
  readonly variables: Variables
}

/** The file cannot serve. The message says why, never what is in it. */
export class FallbackError extends Error {
  override readonly name = 'FallbackError'
}

const suite = 'aes-256-gcm'
const magic = Buffer.from('CFB1')
const saltBytes = 32
const nonceBytes = 12
const tagBytes = 16
const headBytes = magic.length + saltBytes + nonceBytes
/** Of a clock that was set back between writing and reading. Milliseconds. */
const futureMs = 5 * 60_000

/** `CFB1`, salt, nonce, ciphertext, tag. Each file has a key of its own (HKDF over its salt, RFC 5869), so no nonce occurs twice under one. */
export function keepFallback(place: FallbackPlace, variables: Variables, now: number): void {
  const [salt, nonce] = [randomBytes(saltBytes), randomBytes(nonceBytes)]
  const cipher = createCipheriv(suite, keyOf(place, salt, true), nonce, { authTagLength: tagBytes })
  cipher.setAAD(Buffer.from(place.purpose))
  const sealed = Buffer.concat([cipher.update(JSON.stringify({ at: String(now), variables })), cipher.final(), cipher.getAuthTag()])
  writeWhole({ path: place.file, content: Buffer.concat([magic, salt, nonce, sealed]).toString('base64'), mode: 0o600 })
}

/** Throws `FallbackError` where there is no such file, it is older than it may be, or was not written here for the same. */
export function readFallback(place: FallbackPlace, maxAgeMs: number, now: number): Kept {
  const bytes = Buffer.from(textOf(place.file), 'base64')
  if (bytes.length < headBytes + tagBytes || !bytes.subarray(0, magic.length).equals(magic)) throw new FallbackError('is no such file')
  const kept = open(place, bytes)
  if (now - kept.at > maxAgeMs) throw new FallbackError(`is of ${new Date(kept.at).toISOString()}, which is older than it may be`)
  if (kept.at - now > futureMs) throw new FallbackError(`is of ${new Date(kept.at).toISOString()}, which has not come yet`)
  return kept
}

function open(place: FallbackPlace, bytes: Buffer): Kept {
  const salt = bytes.subarray(magic.length, magic.length + saltBytes)
  const decipher = createDecipheriv(suite, keyOf(place, salt, false), bytes.subarray(magic.length + saltBytes, headBytes), { authTagLength: tagBytes })
  decipher.setAAD(Buffer.from(place.purpose))
  decipher.setAuthTag(bytes.subarray(-tagBytes))
  try {
    const { at, variables } = parseExact(Buffer.concat([decipher.update(bytes.subarray(headBytes, -tagBytes)), decipher.final()]).toString()) as unknown as { at: string; variables: Variables }
    return { at: Number(at), variables: { ...variables } }
  } catch {
    throw new FallbackError('was not written here for the same server and variables, or has been changed')
  }
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new FallbackError(`cannot be read: ${(error as NodeJS.ErrnoException).code ?? 'unknown'}`)
  }
}

function keyOf({ keyFile }: FallbackPlace, salt: Buffer, make: boolean): Buffer {
  if (make) makeKey(keyFile)
  const { mode } = statSync(keyFile, { throwIfNoEntry: false }) ?? {}
  if (mode === undefined) throw new FallbackError(`needs its key, ${keyFile}, which is not there`)
  if ((mode & 0o077) !== 0) throw new FallbackError(`has a key, ${keyFile}, that others may read`)
  const key = readFileSync(keyFile)
  if (key.length !== 32) throw new FallbackError(`has a key, ${keyFile}, that is not 32 bytes long`)
  return Buffer.from(hkdfSync('sha256', key, salt, 'coffer run fallback', 32))
}

/** There whole or not at all, also when two make it at once. */
function makeKey(file: string): void {
  if (statSync(file, { throwIfNoEntry: false }) !== undefined) return
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  const made = `${file}.${process.pid}.tmp`
  writeFileSync(made, randomBytes(32), { mode: 0o600 })
  try {
    linkSync(made, file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    rmSync(made, { force: true })
  }
}
