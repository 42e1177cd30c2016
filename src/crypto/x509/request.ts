/** Certificate signing requests (PKCS #10, RFC 2986). */
import type { KeyObject } from 'node:crypto'
import { explicit, integer, oid, sequence, setOf, tags } from '../der.ts'
import { DerError, readOid, readText, readWhole, smallInteger } from '../der-reader.ts'
import { algorithmOf, isSignedBy } from './algorithms.ts'
import { parseSigned, signed, type Signer } from './certificate.ts'
import { extensionIds, parseExtensions, type ParsedExtension } from './extensions.ts'
import { noNames, parseNames, type AlternativeNames } from './general-names.ts'
import { importPublicKey } from './keys.ts'
import { parseName, type Attribute } from './name.ts'

const extensionRequest = '1.2.840.113549.1.9.14'
const challengePassword = '1.2.840.113549.1.9.7'

/** `subject` and `spki` are DER. */
export function writeRequest(subject: Uint8Array, spki: Uint8Array, extensions: readonly Uint8Array[], signer: Signer): Promise<Buffer> {
  const attributes = extensions.length === 0 ? [] : [sequence(oid(extensionRequest), setOf(sequence(...extensions)))]
  return signed(sequence(integer(0), subject, spki, explicit(0, ...attributes)), signer)
}

export interface SigningRequest {
  readonly der: Buffer
  readonly subjectDer: Buffer
  readonly subject: readonly Attribute[]
  readonly spki: Buffer
  readonly extensions: ReadonlyMap<string, ParsedExtension>
  /** What it asks for as alternative names. */
  readonly names: AlternativeNames & { readonly unknown: number }
  readonly challengePassword: string | null
  /** Null where OpenSSL takes it for none; never rejects. Decoded once: that costs as much as checking the signature. */
  readonly publicKey: Promise<KeyObject | null>
  readonly isSignatureValid: () => Promise<boolean>
}

/** Throws `DerError` for what is no request. The signature is not checked here. */
export function parseRequest(bytes: Uint8Array): SigningRequest {
  const { whole: der, tbs, algorithm, signature } = parseSigned(bytes)
  const reader = readWhole(tbs)
  if (smallInteger(reader.next(tags.integer).content) !== 0) throw new DerError('a request has an unknown version')
  const subjectDer = reader.next(tags.sequence).whole
  const spki = reader.next(tags.sequence).whole
  const attributes = parseAttributes(reader.optional(0xa0)?.content ?? Buffer.alloc(0))
  reader.end()
  const extensions = attributes.extensions
  const names = extensions.get(extensionIds.alternativeNames)
  const known = algorithmOf(algorithm)
  const publicKey = importPublicKey(spki)
  return {
    der, subjectDer, spki, extensions,
    subject: parseName(subjectDer),
    names: names === undefined ? { unknown: 0, ...noNames } : parseNames(names.value),
    challengePassword: attributes.password,
    publicKey,
    async isSignatureValid() {
      const key = await publicKey
      return known !== null && key !== null && isSignedBy(known, key, tbs, signature)
    },
  }
}

function parseAttributes(content: Buffer): { readonly extensions: ReadonlyMap<string, ParsedExtension>; readonly password: string | null } {
  let extensions: ReadonlyMap<string, ParsedExtension> = new Map()
  let password: string | null = null
  const list = readWhole(sequence(content))
  while (!list.isAtEnd) {
    const attribute = list.enter()
    const id = readOid(attribute)
    const values = attribute.enter(tags.set)
    attribute.end()
    if (id === extensionRequest && !values.isAtEnd) extensions = parseExtensions(values.enter())
    else if (id === challengePassword && !values.isAtEnd) password = readText(values.next())
  }
  return { extensions, password }
}
