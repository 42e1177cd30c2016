/** Certificates and keys from elsewhere. */
import { DerError } from '../../crypto/der-reader.ts'
import { pemDecode, pemEncode, type PemBlock } from '../../crypto/pem.ts'
import { isCa, keyUsageOf, parseCertificate } from '../../crypto/x509/certificate.ts'
import { findPrivateKey, kindOf, privateDerOf, spkiOf } from '../../crypto/x509/keys.ts'
import { badRequest } from '../../kit/errors.ts'
import { defaulted, secret, text } from '../../kit/fields.ts'
import { path, type Call } from '../../kit/operation.ts'
import { reply, type Result } from '../../kit/result.ts'
import type { Transaction } from '../../kit/store.ts'
import { hasNoUrls, warnings } from './ca.ts'
import { readIndex } from './records.ts'
import { addIssuer, addKey, type AddedKey } from './registry.ts'
import { urlsFor } from './urls.ts'

type Random = (bytes: number) => Uint8Array
const shortest = 75
const blocksMax = 200
const tooShort = 'provided data for import was too short; perhaps a path was passed to the API rather than the contents of a PEM file'

interface Bundle {
  readonly certificates: readonly Buffer[]
  readonly keys: readonly Buffer[]
}

/** Throws `bad_request` for what holds neither certificates nor keys. */
function readBundle(written: string): Bundle {
  if (written.trim().length < shortest) throw badRequest(tooShort)
  const blocks = pemDecode(written)
  if (blocks.length === 0 || blocks.length > blocksMax) throw badRequest(blocks.length === 0 ? 'no PEM blocks were found' : `more than ${blocksMax} PEM blocks`)
  const isKey = ({ label }: PemBlock): boolean => label.endsWith('PRIVATE KEY')
  const certificates = blocks.filter((block) => !isKey(block) && block.label.endsWith('CERTIFICATE')).map(({ der }) => der)
  return { certificates, keys: blocks.filter(isKey).map(({ der }) => der) }
}

function checkIssuer(der: Buffer, position: number): void {
  const refuse = (reason: string): Error => badRequest(`Error parsing issuer ${position}: ${reason}\n${pemEncode('CERTIFICATE', der)}`)
  try {
    const certificate = parseCertificate(der)
    if (!isCa(certificate)) throw refuse('Refusing to import non-CA certificate')
    if (keyUsageOf(certificate)?.includes(5) === false) throw refuse('Refusing to import a certificate whose key usage does not allow signing certificates')
  } catch (cause) {
    if (cause instanceof DerError) throw refuse(cause.message)
    throw cause
  }
}

async function importKey(store: Transaction, random: Random, der: Buffer, name: string): Promise<AddedKey> {
  const key = findPrivateKey(der)
  const kind = key === null ? null : kindOf(key)
  if (key === null || kind === null) throw badRequest('a private key could not be parsed, or is of a kind that is not supported')
  if (kind.type === 'rsa' && kind.bits < 2048) throw badRequest(`RSA keys < 2048 bits are unsafe and not supported: got ${kind.bits}`)
  return addKey(store, random, { type: kind.type, privateDer: privateDerOf(key, kind.type), spki: spkiOf(key) }, kind.bits, name)
}

type ImportCall = Pick<Call<unknown, unknown>, 'store' | 'random' | 'warn'>
const orNull = (ids: readonly string[]): readonly string[] | null => (ids.length === 0 ? null : [...new Set(ids)])

/** Keys first, so that a CA whose key is in the bundle becomes the default rather than one above it. */
async function importBundle({ store, random, warn }: ImportCall, written: string, mayHaveKeys: boolean): Promise<Result> {
  const bundle = readBundle(written)
  if (!mayHaveKeys && bundle.keys.length > 0) throw badRequest('private keys found in the PEM bundle but not allowed by the path; use /issuers/import/bundle')
  for (const [i, der] of bundle.certificates.entries()) checkIssuer(der, i)
  const addedKeys: AddedKey[] = []
  for (const der of bundle.keys) addedKeys.push(await importKey(store, random, der, ''))
  const added: { readonly id: string; readonly isNew: boolean }[] = []
  for (const der of bundle.certificates) {
    const { entry, isNew } = await addIssuer(store, random, der, '')
    added.push({ id: entry.id, isNew })
  }
  const index = await readIndex(store)
  if (hasNoUrls(await urlsFor(store, null))) warn(warnings.noAia)
  return reply({
    data: {
      imported_issuers: orNull(added.filter(({ isNew }) => isNew).map(({ id }) => id)),
      imported_keys: orNull(addedKeys.filter(({ isNew }) => isNew).map(({ entry }) => entry.id)),
      existing_issuers: orNull(added.filter(({ isNew }) => !isNew).map(({ id }) => id)),
      existing_keys: orNull(addedKeys.filter(({ isNew }) => !isNew).map(({ entry }) => entry.id)),
      mapping: Object.fromEntries(added.map(({ id }) => [id, index.issuers.find((issuer) => issuer.id === id)?.keyId ?? ''])),
    },
  })
}

const bundleFields = {
  pem_bundle: defaulted(secret(text('Certificates, and keys where the path allows them, in PEM.')), ''),
  certificate: defaulted(text('The same; an older name.'), ''),
}

const importAt = (template: 'config/ca' | 'issuers/import/bundle' | 'issuers/import/cert' | 'intermediate/set-signed', summary: string, mayHaveKeys: boolean) =>
  path(template).write({
    summary,
    input: bundleFields,
    async handle(call) {
      const written = call.input.pem_bundle || call.input.certificate
      if (written === '') throw badRequest("'pem_bundle' and 'certificate' parameters were empty")
      return importBundle(call, written, mayHaveKeys)
    },
  })

const importKeyOp = path('keys/import').write({
  summary: 'Import a private key.',
  input: {
    pem_bundle: defaulted(secret(text('The key, in PEM.')), ''),
    key_name: defaulted(text('Name for the key.'), ''),
  },
  async handle({ input, store, random, warn }) {
    if (input.pem_bundle.trim().length < shortest) throw badRequest(tooShort)
    const blocks = pemDecode(input.pem_bundle).filter(({ label }) => label.endsWith('PRIVATE KEY'))
    const [block] = blocks
    if (block === undefined || blocks.length > 1) throw badRequest(`only a single key can be present within the pem_bundle for importing, found ${blocks.length}`)
    const { entry, isNew } = await importKey(store, random, block.der, input.key_name)
    if (!isNew) warn('Key already imported, use key/ endpoint to update name.')
    return { key_id: entry.id, key_name: entry.name, key_type: entry.type }
  },
})

export const importOperations = [
  importAt('config/ca', 'Import certificates and keys of CAs.', true),
  importAt('issuers/import/bundle', 'Import certificates and keys of CAs.', true),
  importAt('issuers/import/cert', 'Import certificates of CAs.', false),
  importAt('intermediate/set-signed', 'Import the certificate that was made for a signing request of this mount.', false),
  importKeyOp,
]
