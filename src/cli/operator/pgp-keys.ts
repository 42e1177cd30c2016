/** Public PGP keys from files, as the API wants them: base64 of the binary form. */
import { readFileSync } from 'node:fs'
import { usageError } from '../failure.ts'
import { describeFileError } from '../file-error.ts'

/** `names` are files, armoured (RFC 9580 §6.2), binary or base64. Throws `Failure` (1) naming flag and file. */
export const readPgpKeys = (names: readonly string[], flag: string): string[] =>
  names.flatMap((list) => list.split(',')).map((name) => readPgpKey(name.trim(), flag))

function readPgpKey(name: string, flag: string): string {
  if (name.startsWith('keybase:')) throw usageError(`-${flag}: keys of Keybase cannot be fetched; save ${name} to a file first`)
  const bytes = readBytes(name.replace(/^@/, ''), flag)
  const text = bytes.toString('latin1')
  if (text.includes('-----BEGIN PGP PUBLIC KEY BLOCK-----')) return unarmour(text)
  return /^[A-Za-z0-9+/=\s]+$/.test(text) ? text.replace(/\s/g, '') : bytes.toString('base64')
}

function readBytes(file: string, flag: string): Buffer {
  try {
    return readFileSync(file)
  } catch (error) {
    throw usageError(`-${flag}: ${describeFileError(error)}`)
  }
}

/** The lines between the headers and the checksum. */
function unarmour(text: string): string {
  const body = text.replace(/\r/g, '').split('-----BEGIN PGP PUBLIC KEY BLOCK-----')[1]?.split('-----END')[0] ?? ''
  const start = body.indexOf('\n\n')
  return body.slice(start < 0 ? 0 : start).split('\n').filter((line) => line !== '' && !line.startsWith('=')).join('')
}
