/** Certificate revocation lists (RFC 5280 §5). */
import { explicit, integer, sequence, tags, time, unsigned } from '../der.ts'
import { DerError, integerBytes, readTime, readWhole } from '../der-reader.ts'
import { parseSigned, signed, type Signer } from './certificate.ts'
import { authorityKeyId, extension, extensionIds, parseExtensions, type ParsedExtension } from './extensions.ts'

export interface RevokedEntry {
  /** Big-endian. */
  readonly serial: Uint8Array
  /** Milliseconds since 1970. */
  readonly revokedAt: number
}

export interface RevocationListParts {
  /** DER of the issuer's name. */
  readonly issuer: Uint8Array
  readonly issuerKeyId: Uint8Array | null
  readonly number: bigint
  /** For a delta: the number of the complete list that it builds on (RFC 5280 §5.2.4). */
  readonly deltaOf: bigint | null
  readonly thisUpdate: number
  readonly nextUpdate: number
  /** One or several as `writeEntry` gives them: lists of many are put together from pieces that stay encoded. */
  readonly entries: readonly Uint8Array[]
  /** Further extensions, encoded. */
  readonly extensions?: readonly Uint8Array[]
}

export const writeEntry = ({ serial, revokedAt }: RevokedEntry, extensions: readonly Uint8Array[] = []): Buffer =>
  sequence(unsigned(serial), time(revokedAt), ...(extensions.length === 0 ? [] : [sequence(...extensions)]))

const version2 = integer(1)

export function writeRevocationList(parts: RevocationListParts, signer: Signer): Promise<Buffer> {
  const extensions = [
    ...(parts.issuerKeyId === null ? [] : [authorityKeyId(parts.issuerKeyId)]),
    extension(extensionIds.crlNumber, integer(parts.number)),
    ...(parts.deltaOf === null ? [] : [extension(extensionIds.deltaCrlIndicator, integer(parts.deltaOf), true)]),
    ...(parts.extensions ?? []),
  ]
  // There may be more than a function takes arguments.
  const entries = parts.entries.length === 0 ? [] : [sequence(Buffer.concat(parts.entries))]
  const tbs = sequence(
    version2, signer.algorithm.der, parts.issuer, time(parts.thisUpdate), time(parts.nextUpdate), ...entries, explicit(0, sequence(...extensions)),
  )
  return signed(tbs, signer)
}

export interface RevocationList {
  readonly tbs: Buffer
  readonly algorithm: Buffer
  readonly signature: Buffer
  readonly issuer: Buffer
  readonly thisUpdate: number
  readonly nextUpdate: number | null
  readonly entries: readonly (RevokedEntry & { readonly extensions: ReadonlyMap<string, ParsedExtension> })[]
  readonly extensions: ReadonlyMap<string, ParsedExtension>
}

/** Throws `DerError` for what is no list. */
export function parseRevocationList(bytes: Uint8Array): RevocationList {
  const { tbs, algorithm, signature } = parseSigned(bytes)
  const reader = readWhole(tbs)
  reader.optional(tags.integer)
  if (!reader.next(tags.sequence).whole.equals(algorithm)) throw new DerError('the two signature algorithms of a list differ')
  const issuer = reader.next(tags.sequence).whole
  const thisUpdate = readTime(reader.next())
  const nextUpdate = reader.nextTag === tags.utcTime || reader.nextTag === tags.generalizedTime ? readTime(reader.next()) : null
  const list = reader.optional(tags.sequence)
  const tail = reader.optional(0xa0)
  reader.end()
  return {
    tbs, algorithm, signature, issuer, thisUpdate, nextUpdate,
    entries: list === null ? [] : parseEntries(list.content),
    extensions: tail === null ? new Map() : parseExtensions(readWhole(tail.content)),
  }
}

function parseEntries(content: Buffer): RevocationList['entries'] {
  const list = readWhole(sequence(content))
  const found: RevocationList['entries'][number][] = []
  while (!list.isAtEnd) {
    const one = list.enter()
    const serial = integerBytes(one)
    const revokedAt = readTime(one.next())
    const extensions = one.optional(tags.sequence)
    one.end()
    found.push({ serial, revokedAt, extensions: extensions === null ? new Map() : parseExtensions(readWhole(extensions.whole)) })
  }
  return found
}
