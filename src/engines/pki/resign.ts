/** Lists made on demand: several lists of one issuer put together, and lists of what the request says. */
import { DerError } from '../../crypto/der-reader.ts'
import { isOid } from '../../crypto/der.ts'
import { decodeBase64, pemDecode, pemEncode } from '../../crypto/pem.ts'
import { isSignedWith } from '../../crypto/x509/certificate.ts'
import { parseRevocationList, writeEntry, writeRevocationList, type RevocationList } from '../../crypto/x509/crl.ts'
import { extension, type ParsedExtension } from '../../crypto/x509/extensions.ts'
import { badRequest } from '../../kit/errors.ts'
import { anything, defaulted, duration, integer, isJsonObject, plainList, text } from '../../kit/fields.ts'
import type { Json, JsonObject } from '../../kit/json.ts'
import { path, type Call } from '../../kit/operation.ts'
import type { Result } from '../../kit/result.ts'
import { base64 } from './answer.ts'
import { resolveAuthority, revocationSigner } from './authority.ts'
import { issuerRef } from './issue.ts'
import { serialOf } from './revoke.ts'
import { parseDate } from './validity.ts'

const listFields = {
  crl_number: defaulted(integer('Number of the list.'), 0),
  delta_crl_base_number: defaulted(integer('Makes a delta list: number of the complete one. -1: no delta.'), -1),
  next_update: defaulted(duration('How long it is good for.'), 259_200),
  format: defaulted(text('pem or der (base64).'), 'pem'),
}
type ListInput = { readonly crl_number: number; readonly delta_crl_base_number: number; readonly next_update: number; readonly format: string }

function checkInput({ crl_number: number, delta_crl_base_number: base, next_update: next, format }: ListInput): void {
  if (number < 0) throw badRequest('crl_number parameter must be 0 or greater')
  if (base < -1) throw badRequest('delta_crl_base_number parameter must be 0 or greater to specify a delta CRL, or -1 to build a full CRL')
  if (base >= 0 && base >= number) throw badRequest('delta_crl_base_number must be less than crl_number')
  if (next <= 0) throw badRequest('next_update parameter must be greater than zero')
  if (format !== 'pem' && format !== 'der') throw badRequest('the "format" parameter must be "pem" or "der"')
}

async function signList(call: Pick<Call<unknown, unknown>, 'store' | 'now' | 'managedKeys'>, ref: string, input: ListInput, entries: readonly Buffer[], extensions: readonly Buffer[]): Promise<Result> {
  const { store, now } = call
  const authority = await resolveAuthority(store, ref, 'crl-signing')
  const thisUpdate = Math.floor(now / 1000) * 1000
  const der = await writeRevocationList(
    {
      issuer: authority.issuer.certificate.subject, issuerKeyId: authority.issuer.keyId, number: BigInt(input.crl_number),
      deltaOf: input.delta_crl_base_number < 0 ? null : BigInt(input.delta_crl_base_number), thisUpdate, nextUpdate: thisUpdate + input.next_update * 1000, entries, extensions,
    },
    revocationSigner(call, authority),
  )
  return { crl: input.format === 'der' ? base64(der) : `${pemEncode('X509 CRL', der)}\n` }
}

function readList(written: string, position: number): RevocationList {
  const [block] = pemDecode(written)
  try {
    if (block !== undefined) return parseRevocationList(block.der)
  } catch (cause) {
    if (!(cause instanceof DerError)) throw cause
  }
  throw badRequest(`crl ${position} could not be parsed as a PEM encoded revocation list`)
}

const resign = path('issuer/{issuer_ref}/resign-crls', { issuer_ref: issuerRef }).write({
  summary: 'Put lists of this issuer together into one.',
  input: { ...listFields, crls: defaulted(plainList('The lists, in PEM.'), []) },
  async handle(call) {
    const { input, params, store } = call
    checkInput(input)
    const { issuer } = await resolveAuthority(store, params.issuer_ref, 'crl-signing')
    const merged = new Map<string, Buffer>()
    for (const [i, written] of input.crls.entries()) {
      const list = readList(written, i)
      if (!list.issuer.equals(issuer.certificate.subject) || !isSignedWith(list, issuer.certificate.spki)) throw badRequest(`crl ${i} was not signed by the issuer`)
      for (const entry of list.entries) merged.set(Buffer.from(entry.serial).toString('hex'), writeEntry(entry, [...entry.extensions.values()].map(encodedExtension)))
    }
    return await signList(call, params.issuer_ref, input, [...merged.values()], [])
  },
})

const encodedExtension = ({ id, value, isCritical }: ParsedExtension): Buffer => extension(id, value, isCritical)

function entryOf(raw: Json, position: number): Buffer {
  const entry = objectOf(raw, `revoked_certs entry ${position}`)
  const serial = typeof entry['serial_number'] === 'string' ? serialOf(entry['serial_number']) : null
  if (serial === null) throw badRequest(`failed parsing serial_number from entry ${position}: missing or malformed 'serial_number' field`)
  const at = entry['revocation_time']
  if (at === undefined) throw badRequest(`failed parsing revocation_time from entry ${position}: missing 'revocation_time' field`)
  const revokedAt = typeof at === 'number' ? at * 1000 : typeof at === 'string' ? parseDate(at) : null
  if (revokedAt === null || !(revokedAt >= 0 && revokedAt < 253_402_300_800_000)) throw badRequest(`failed parsing revocation_time from entry ${position}: not a time`)
  return writeEntry({ serial: Buffer.from(serial.replaceAll(':', ''), 'hex'), revokedAt }, listOf(entry['extensions'], 'extensions').map(extensionOf))
}

/** What the list says of itself is not the request's to say. */
const reserved: ReadonlySet<string> = new Set(['2.5.29.20', '2.5.29.27', '2.5.29.35'])

function extensionOf(raw: Json): Buffer {
  const { id, critical, value } = objectOf(raw, 'extension')
  const bytes = typeof value === 'string' ? decodeBase64(value) : null
  if (typeof id !== 'string' || !isOid(id) || bytes === null) throw badRequest('an extension needs an id (object identifier) and a value (base64)')
  if (reserved.has(id)) throw badRequest(`the extension ${id} is set by the server`)
  return extension(id, bytes, critical === true)
}

function objectOf(raw: Json, what: string): JsonObject {
  if (!isJsonObject(raw)) throw badRequest(`${what} must be an object`)
  return raw
}

function listOf(raw: Json | undefined, what: string): readonly Json[] {
  if (raw === undefined || raw === null) return []
  if (!Array.isArray(raw)) throw badRequest(`${what} must be a list`)
  return raw
}

const signGiven = path('issuer/{issuer_ref}/sign-revocation-list', { issuer_ref: issuerRef }).write({
  summary: 'Sign a revocation list of what the request says.',
  input: {
    ...listFields,
    revoked_certs: defaulted(anything('Objects with serial_number, revocation_time and, if need be, extensions.'), []),
    extensions: defaulted(anything('Extensions of the list: objects with id, critical and value (base64).'), []),
  },
  async handle(call) {
    const { input, params } = call
    checkInput(input)
    const entries = listOf(input.revoked_certs, 'revoked_certs').map(entryOf)
    return await signList(call, params.issuer_ref, input, entries, listOf(input.extensions, 'extensions').map(extensionOf))
  },
})

export const resignOperations = [resign, signGiven]
