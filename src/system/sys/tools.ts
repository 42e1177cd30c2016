/** `sys/tools`: random bytes and hashes. */
import { hashAnswer, isRandomSource, parseByteCount, randomAnswer } from '../../crypto/tool-answers.ts'
import { defaulted, integer, text, type Fields } from '../../kit/fields.ts'
import { systemPath } from '../call.ts'

const randomInput = {
  bytes: defaulted(integer('How many.'), 32),
  format: defaulted(text('base64 or hex.'), 'base64'),
  source: defaulted(text('platform, seal or all: the platform is what there is.'), 'platform'),
} satisfies Fields

const random = [
  systemPath('tools/random').write({
    summary: 'Random bytes.',
    input: randomInput,
    handle: ({ input, random: source }) => randomAnswer(input.bytes, input.format, input.source, source),
  }),
  systemPath('tools/random/{first}', { first: text('How many, or the source.') }).write({
    summary: 'Random bytes: how many, or from which source, stands in the path.',
    input: randomInput,
    handle: ({ params, input, random: source }) =>
      isRandomSource(params.first) ? randomAnswer(input.bytes, input.format, params.first, source) : randomAnswer(parseByteCount(params.first), input.format, input.source, source),
  }),
  systemPath('tools/random/{source}/{bytes}', { source: text('The source.'), bytes: text('How many.') }).write({
    summary: 'Random bytes: source and number stand in the path.',
    input: { format: randomInput.format },
    handle: ({ params, input, random: source }) => randomAnswer(parseByteCount(params.bytes), input.format, params.source, source),
  }),
]

const hashInput = {
  input: defaulted(text('What to hash, in base64.'), ''),
  format: defaulted(text('hex or base64.'), 'hex'),
} satisfies Fields

const hashing = [
  systemPath('tools/hash').write({
    summary: 'Hash of the input.',
    input: { ...hashInput, algorithm: defaulted(text('sha2-256 and the like.'), 'sha2-256') },
    handle: ({ input }) => hashAnswer(input.input, input.algorithm, input.format),
  }),
  systemPath('tools/hash/{urlalgorithm}', { urlalgorithm: text('sha2-256 and the like.') }).write({
    summary: 'Hash of the input: the algorithm stands in the path.',
    // The algorithm in the path wins over one in the body.
    input: { ...hashInput, algorithm: defaulted(text('Not looked at.'), '') },
    handle: ({ params, input }) => hashAnswer(input.input, params.urlalgorithm, input.format),
  }),
]

export const toolOperations = [...random, ...hashing]
