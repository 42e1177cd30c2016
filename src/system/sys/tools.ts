/** `sys/tools`: random bytes and hashes. */
import { createHash } from 'node:crypto'
import { badRequest } from '../../kit/errors.ts'
import { defaulted, integer, text, type Fields } from '../../kit/fields.ts'
import { systemPath } from '../call.ts'

const bytesMax = 128 * 1024
const encodings: Readonly<Record<string, 'base64' | 'hex'>> = { base64: 'base64', hex: 'hex' }
const sources = ['platform', 'seal', 'all']

function encodingOf(format: string): 'base64' | 'hex' {
  const found = Object.hasOwn(encodings, format) ? encodings[format] : undefined
  if (found === undefined) throw badRequest(`unsupported encoding format ${JSON.stringify(format)}; must be "hex" or "base64"`)
  return found
}

function randomBytes(count: number, format: string, source: string, random: (bytes: number) => Uint8Array): { random_bytes: string } {
  if (!sources.includes(source)) throw badRequest(`unsupported entropy source ${JSON.stringify(source)}; must be "platform" or "seal", or "all"`)
  if (count < 1) throw badRequest('"bytes" cannot be less than 1')
  if (count > bytesMax) throw badRequest(`"bytes" should be less than ${bytesMax}`)
  return { random_bytes: Buffer.from(random(count)).toString(encodingOf(format)) }
}

const randomInput = {
  bytes: defaulted(integer('How many.'), 32),
  format: defaulted(text('base64 or hex.'), 'base64'),
  source: defaulted(text('platform, seal or all: the platform is what there is.'), 'platform'),
} satisfies Fields

const count = (written: string): number => {
  if (!/^\d{1,9}$/.test(written)) throw badRequest(`error parsing url-set byte count: ${JSON.stringify(written)} is not a number`)
  return Number(written)
}

const random = [
  systemPath('tools/random').write({
    summary: 'Random bytes.',
    input: randomInput,
    handle: ({ input, random: source }) => randomBytes(input.bytes, input.format, input.source, source),
  }),
  systemPath('tools/random/{first}', { first: text('How many, or the source.') }).write({
    summary: 'Random bytes: how many, or from which source, stands in the path.',
    input: randomInput,
    handle: ({ params, input, random: source }) =>
      sources.includes(params.first) ? randomBytes(input.bytes, input.format, params.first, source) : randomBytes(count(params.first), input.format, input.source, source),
  }),
  systemPath('tools/random/{source}/{bytes}', { source: text('The source.'), bytes: text('How many.') }).write({
    summary: 'Random bytes: source and number stand in the path.',
    input: { format: randomInput.format },
    handle: ({ params, input, random: source }) => randomBytes(count(params.bytes), input.format, params.source, source),
  }),
]

const algorithms: Readonly<Record<string, string>> = {
  'sha2-224': 'sha224', 'sha2-256': 'sha256', 'sha2-384': 'sha384', 'sha2-512': 'sha512',
  'sha3-224': 'sha3-224', 'sha3-256': 'sha3-256', 'sha3-384': 'sha3-384', 'sha3-512': 'sha3-512',
}

function hash(given: string, algorithm: string, format: string): { sum: string } {
  const encoding = encodingOf(format)
  const input = Buffer.from(given, 'base64')
  if (input.toString('base64').replace(/=+$/, '') !== given.replace(/=+$/, '')) throw badRequest('unable to decode input as base64')
  const name = Object.hasOwn(algorithms, algorithm) ? algorithms[algorithm] : undefined
  if (name === undefined) throw badRequest(`unsupported algorithm ${JSON.stringify(algorithm)}`)
  return { sum: createHash(name).update(input).digest(encoding) }
}

const hashInput = {
  input: defaulted(text('What to hash, in base64.'), ''),
  format: defaulted(text('hex or base64.'), 'hex'),
} satisfies Fields

const hashing = [
  systemPath('tools/hash').write({
    summary: 'Hash of the input.',
    input: { ...hashInput, algorithm: defaulted(text('sha2-256 and the like.'), 'sha2-256') },
    handle: ({ input }) => hash(input.input, input.algorithm, input.format),
  }),
  systemPath('tools/hash/{urlalgorithm}', { urlalgorithm: text('sha2-256 and the like.') }).write({
    summary: 'Hash of the input: the algorithm stands in the path.',
    // The algorithm in the path wins over one in the body.
    input: { ...hashInput, algorithm: defaulted(text('Not looked at.'), '') },
    handle: ({ params, input }) => hash(input.input, params.urlalgorithm, input.format),
  }),
]

export const toolOperations = [...random, ...hashing]
