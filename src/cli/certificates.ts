/** Certificates and keys from files, with errors that name the flag. */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { remoteError } from './failure.ts'
import { describeFileError } from './file-error.ts'

/** The PEM texts of one file, or, without one, of all files in a folder. */
export function readCertificates(file: string | undefined, folder: string | undefined): readonly string[] {
  if (file) return [readPem(file, '-ca-cert')]
  const names = readNames(folder ?? '')
  const found = names.map((name) => readPem(name, '-ca-path')).filter((text) => text.includes('-----BEGIN CERTIFICATE-----'))
  if (found.length === 0) throw remoteError(`-ca-path: no certificate in ${folder}`)
  return found
}

function readNames(folder: string): string[] {
  try {
    return readdirSync(folder).map((name) => join(folder, name)).filter((path) => statSync(path).isFile())
  } catch (error) {
    throw remoteError(`-ca-path: ${describeFileError(error)}`)
  }
}

/** Throws `Failure` (2) naming the flag and the file. */
export function readPem(file: string, flag: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw remoteError(`${flag}: ${describeFileError(error)}`)
  }
}
