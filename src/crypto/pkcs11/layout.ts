/** Structures of PKCS #11 as bytes. They hold addresses, so what they point to is kept beside them for as long as they are used. */
import type { Native } from './native.ts'
import { attributes, hashes, type HashName } from './numbers.ts'

const word = 8

/** Bytes that a function is given, and what they point to. */
export interface Laid {
  readonly bytes: Buffer
  readonly count: number
  readonly held: readonly Uint8Array[]
}

export function words(...values: readonly (number | bigint)[]): Buffer {
  const made = Buffer.alloc(word * values.length)
  for (const [i, value] of values.entries()) made.writeBigUInt64LE(BigInt(value), word * i)
  return made
}

/** Zero for nothing: addresses of empty arrays mean nothing. */
const addressOf = (native: Native, bytes: Uint8Array): bigint => (bytes.length === 0 ? 0n : native.address(bytes))

export type AttributeName = keyof typeof attributes
export type AttributeValue = boolean | number | string | Uint8Array
export type Template = Partial<Readonly<Record<AttributeName, AttributeValue>>>

function valueBytes(value: AttributeValue): Uint8Array {
  if (typeof value === 'boolean') return Buffer.from([value ? 1 : 0])
  if (typeof value === 'number') return words(value)
  return typeof value === 'string' ? Buffer.from(value, 'utf8') : value
}

/** An array of CK_ATTRIBUTE. */
export function layTemplate(native: Native, template: Template): Laid {
  const entries = Object.entries(template) as [AttributeName, AttributeValue][]
  const held = entries.map(([, value]) => valueBytes(value))
  const bytes = Buffer.concat(entries.map(([name], i) => words(attributes[name], addressOf(native, held[i] ?? Buffer.alloc(0)), held[i]?.length ?? 0)))
  return { bytes, count: entries.length, held }
}

/** CK_MECHANISM. */
export function layMechanism(native: Native, mechanism: number, parameter: Laid | null = null): Laid {
  const of = parameter?.bytes ?? Buffer.alloc(0)
  return { bytes: words(mechanism, addressOf(native, of), of.length), count: 1, held: [of, ...(parameter?.held ?? [])] }
}

const gcmTagBytes = 16

/** CK_GCM_PARAMS of version 2.40. The token may write another IV into `iv`. */
export function layGcm(native: Native, iv: Uint8Array, context: Uint8Array): Laid {
  const bytes = words(native.address(iv), iv.length, 8 * iv.length, addressOf(native, context), context.length, 8 * gcmTagBytes)
  return { bytes, count: 1, held: [iv, context] }
}

/** CK_RSA_PKCS_OAEP_PARAMS without a label. */
export function layOaep(hash: HashName): Laid {
  const { mechanism, mask } = hashes[hash]
  return { bytes: words(mechanism, mask, 1, 0, 0), count: 1, held: [] }
}

/** CK_RSA_PKCS_PSS_PARAMS. */
export function layPss(hash: HashName, saltBytes: number): Laid {
  const { mechanism, mask } = hashes[hash]
  return { bytes: words(mechanism, mask, saltBytes), count: 1, held: [] }
}
