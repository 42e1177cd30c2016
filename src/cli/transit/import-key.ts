/** Takes a key into a transit engine: wrapped on this machine, so that it travels and is audited as a ciphertext only. */
import { createPrivateKey, createPublicKey } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { wrapForTransport } from '../../crypto/key-wrap.ts'
import type { Session } from '../command.ts'
import { parseData } from '../data-args.ts'
import { step } from '../describe-failure.ts'
import { Failure, usageError } from '../failure.ts'
import { describeFileError } from '../file-error.ts'
import { trimPath } from '../paths.ts'
import { textOf, type WireSecret } from '../secret.ts'

/** What the server refused, or a mount that is not there; other verbs use 2. */
const remoteCode = 3

/** `operation` is the last part of the path that takes the key. */
export async function importKey(session: Session, operation: 'import' | 'import_version'): Promise<void> {
  const [target = '', material = '', ...pairs] = session.args
  const { mount, name } = parseKeyPath(target)
  const key = await readMaterial(session, material)
  const data = await parseData(pairs, session.readInput)
  const api = await session.api()
  session.print.remark('Retrieving wrapping key.')
  const wrapping = await step('failed to fetch wrapping key', () => api.read(`${mount}/wrapping_key`), remoteCode)
  session.print.remark('Wrapping source key with ephemeral key.')
  const ciphertext = wrapForTransport(wrappingKeyOf(wrapping, mount), key, 'sha256').toString('base64')
  session.print.remark('Submitting wrapped key.')
  await step('failed to call import', () => api.write(`${mount}/keys/${name}/${operation}`, { ...data, ciphertext }), remoteCode)
  session.print.remark('Success!')
}

function parseKeyPath(path: string): { readonly mount: string; readonly name: string } {
  const [, mount, name] = /^(.+)\/keys\/([^/]+)$/.exec(trimPath(path)) ?? []
  if (mount === undefined || name === undefined) throw usageError('expected transit path and key name in the form :path:/keys/:name:')
  return { mount, name }
}

/** The bytes of a symmetric key, or PKCS #8: base64, or PEM of a private key. */
async function readMaterial(session: Session, argument: string): Promise<Buffer> {
  const text = (argument === '-' ? await session.readInput() : argument.startsWith('@') ? readFile(argument.slice(1)) : argument).trim()
  if (text.startsWith('-----BEGIN ')) return parsePem(text)
  const packed = text.replaceAll(/[\r\n]/g, '')
  if (packed === '' || packed.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(packed)) throw usageError('error base64 decoding source key material: it is neither base64 nor PEM')
  return Buffer.from(packed, 'base64')
}

function readFile(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw usageError(`error reading key material file: ${describeFileError(error)}`)
  }
}

function parsePem(pem: string): Buffer {
  try {
    return createPrivateKey(pem).export({ format: 'der', type: 'pkcs8' })
  } catch {
    throw usageError('error reading key material: it is no private key without a password')
  }
}

function wrappingKeyOf(secret: WireSecret | null, mount: string): KeyObject {
  try {
    return createPublicKey(textOf(secret?.data?.['public_key']))
  } catch {
    throw new Failure(remoteCode, `failed to fetch wrapping key: no mount found at ${mount}`)
  }
}
