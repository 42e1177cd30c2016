/** Random bytes and hashes: no key is needed for them. */
import { hashAnswer, isRandomSource, parseByteCount, randomAnswer } from '../../crypto/tool-answers.ts'
import { badRequest } from '../../kit/errors.ts'
import { defaulted, integer, optional, text } from '../../kit/fields.ts'
import { path } from '../../kit/operation.ts'

const randomInput = {
  bytes: defaulted(integer('How many.'), 32),
  format: defaulted(text('base64 or hex.'), 'base64'),
}

interface RandomCall {
  readonly input: { readonly format: string }
  readonly random: (bytes: number) => Uint8Array
  readonly warn: (text: string) => void
}

function answer({ input, random, warn }: RandomCall, count: number, source: string): { random_bytes: string } {
  if (source === 'seal') warn('no seal/entropy augmentation available, using platform entropy source')
  return randomAnswer(count, input.format, source, random)
}

export const random = [
  path('random').write({ summary: 'Random bytes.', input: randomInput, handle: (call) => answer(call, call.input.bytes, 'platform') }),
  path('random/{first}', { first: text('How many, or the source.') }).write({
    summary: 'Random bytes: how many, or from which source, stands in the path.',
    input: randomInput,
    handle: (call) =>
      isRandomSource(call.params.first) ? answer(call, call.input.bytes, call.params.first) : answer(call, parseByteCount(call.params.first), 'platform'),
  }),
  path('random/{source}/{bytes}', { source: text('platform, seal or all: the platform is what there is.'), bytes: text('How many.') }).write({
    summary: 'Random bytes: source and number stand in the path.',
    input: { format: randomInput.format },
    handle: (call) => answer(call, parseByteCount(call.params.bytes), call.params.source),
  }),
]

const hashInput = {
  input: optional(text('Base64 of what is to be hashed.')),
  algorithm: defaulted(text('sha2-224 to sha2-512, sha3-224 to sha3-512.'), 'sha2-256'),
  format: defaulted(text('hex or base64.'), 'hex'),
}

function hashed(input: { readonly input?: string; readonly format: string }, algorithm: string): { sum: string } | Promise<{ sum: string }> {
  if (input.input === undefined) throw badRequest('input missing')
  return hashAnswer(input.input, algorithm, input.format)
}

export const hash = [
  path('hash').write({ summary: 'Hash of the input.', input: hashInput, handle: ({ input }) => hashed(input, input.algorithm) }),
  path('hash/{urlalgorithm}', { urlalgorithm: text('Hash function; wins over the one in the body.') }).write({
    summary: 'Hash of the input: the function stands in the path.',
    input: hashInput,
    handle: ({ params, input }) => hashed(input, params.urlalgorithm),
  }),
]
