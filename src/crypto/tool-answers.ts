/** Random bytes and hashes as `sys/tools` and transit answer them. */
import { createHash } from 'node:crypto'
import { badRequest } from '../kit/errors.ts'
import { inTurns } from '../kit/turns.ts'
import { decodeBase64, parseBase64 } from './base64.ts'
import { digests, hashOf } from './digests.ts'

const bytesMax = 128 * 1024
const encodings: Readonly<Record<string, 'base64' | 'hex'>> = { base64: 'base64', hex: 'hex' }
const sources = ['platform', 'seal', 'all']

/** Whether a part of the path names a source and not a number. */
export const isRandomSource = (written: string): boolean => sources.includes(written)

function encodingOf(format: string): 'base64' | 'hex' {
  const found = Object.hasOwn(encodings, format) ? encodings[format] : undefined
  if (found === undefined) throw badRequest(`unsupported encoding format ${JSON.stringify(format)}; must be "hex" or "base64"`)
  return found
}

/** Whatever the source is called, the bytes are those of the system. */
export function randomAnswer(count: number, format: string, source: string, random: (bytes: number) => Uint8Array): { random_bytes: string } {
  if (!isRandomSource(source)) throw badRequest(`unsupported entropy source ${JSON.stringify(source)}; must be "platform" or "seal", or "all"`)
  if (count < 1) throw badRequest('"bytes" cannot be less than 1')
  if (count > bytesMax) throw badRequest(`"bytes" should be less than ${bytesMax}`)
  return { random_bytes: Buffer.from(random(count)).toString(encodingOf(format)) }
}

/** How many bytes a part of the path asks for. */
export function parseByteCount(written: string): number {
  if (!/^\d{1,9}$/.test(written)) throw badRequest(`error parsing url-set byte count: ${JSON.stringify(written)} is not a number`)
  return Number(written)
}

/** Characters of an input that is hashed in turns, and of what is hashed in one of them: whole groups of four. */
const longInput = 1024 * 1024
const mistake = 'unable to decode input as base64'

/** SHA-1 signs what is old already, but nothing new is hashed with it. */
export function hashAnswer(given: string, algorithm: string, format: string): { sum: string } | Promise<{ sum: string }> {
  const encoding = encodingOf(format)
  const digest = algorithm === 'sha1' ? undefined : digests.get(algorithm)
  // A line end would shift the groups.
  if (digest !== undefined && given.length > longInput && !/[\r\n]/.test(given)) return inTurns(hashSteps(digest.name, given)).then((sum) => ({ sum: sum.toString(encoding) }))
  const input = parseBase64(given, mistake)
  if (digest === undefined) throw badRequest(`unsupported algorithm ${JSON.stringify(algorithm)}`)
  return { sum: hashOf(digest.name, input).toString(encoding) }
}

function* hashSteps(name: string, given: string): Generator<void, Buffer> {
  const sum = createHash(name)
  for (let from = 0; from < given.length; from += longInput) {
    const part = given.slice(from, from + longInput)
    const bytes = from + longInput < given.length && part.endsWith('=') ? null : decodeBase64(part)
    // The whole is what the mistake is to be found in.
    sum.update(bytes ?? parseBase64(given, mistake))
    yield
  }
  return sum.digest()
}
