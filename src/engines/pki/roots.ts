/** Roots: CAs that sign themselves. */
import { keyIdOf } from '../../crypto/x509/keys.ts'
import { isEmptyName } from '../../crypto/x509/name.ts'
import { defaulted, duration, list, text, type ValuesOf } from '../../kit/fields.ts'
import { path, type Call } from '../../kit/operation.ts'
import { reply, type Result } from '../../kit/result.ts'
import { certificateData, certificatePem, checkFormat } from './answer.ts'
import { subjectOf } from './assemble.ts'
import { findIssuerEntry, signerFor } from './authority.ts'
import { caExtensions, caRole, checkNames, constraintsOf, hasNoUrls, pathLengthFrom, warnings } from './ca.ts'
import { collect } from './collect.ts'
import { keep, sign, type Made } from './make.ts'
import { caKey, checkOrigin, keyOrigin, type CaKey } from './new-key.ts'
import { issuers, keys, readIndex, writeIndex } from './records.ts'
import { addIssuer, checkIssuerName } from './registry.ts'
import { caFields, formatFields, nameFields, newKeyFields, purposeFields, signatureFields, subjectFields, validityFields } from './request-fields.ts'
import { checkKeyChoice } from './role-rules.ts'
import { urlsFor } from './urls.ts'
import { validityOf } from './validity.ts'

export const caCommonFields = {
  ...nameFields, ...subjectFields, ...validityFields, ...formatFields, ...signatureFields, ...caFields,
  not_before_duration: defaulted(duration('How long ago it begins.'), 30),
}

const rootInput = {
  ...caCommonFields, ...newKeyFields,
  issuer_name: defaulted(text('Name for the issuer.'), ''),
  key_usage: defaulted(list('What the key is for, beyond signing certificates and lists.'), []),
  ext_key_usage: purposeFields.ext_key_usage,
  ext_key_usage_oids: purposeFields.ext_key_usage_oids,
}
type RootInput = ValuesOf<typeof rootInput>
type CaCall = Pick<Call<unknown, unknown>, 'managedKeys' | 'store' | 'mount' | 'now' | 'random' | 'warn'>

async function generateRoot(call: CaCall, origin: string, given: RootInput, isRotation: boolean): Promise<Result> {
  const { store, random } = call
  const index = await readIndex(store)
  const input = isRotation && given.issuer_name === '' && findIssuerEntry(index, 'next') === null ? { ...given, issuer_name: 'next' } : given
  checkOrigin(origin)
  const format = checkFormat(input.format)
  if (origin !== 'existing' && origin !== 'kms') checkKeyChoice(input.key_type, input.key_bits, input.signature_bits)
  checkIssuerName(index, input.issuer_name)
  const draft = await rootDraft(call, input)
  const key = await caKey(call, origin, input)
  const { made, algorithm } = await signRoot(call, input, draft, key)
  const { entry } = await addIssuer(store, random, made.der, input.issuer_name, { revocationAlgorithm: algorithm })
  keep(store, made)
  warnAbout(call, draft.isSubjectEmpty, hasNoUrls(draft.urls), input.max_path_length === 0)
  const pem = certificatePem(made.der)
  return reply({
    data: {
      ...certificateData({ der: made.der, chain: [], issuingCa: pem, key: key.shown }, format, input.private_key_format),
      expiration: made.notAfter / 1000,
      serial_number: made.serial,
      issuer_id: entry.id,
      issuer_name: entry.name,
      key_id: key.entry.id,
      key_name: key.entry.name,
    },
  })
}

async function rootDraft(call: CaCall, input: RootInput) {
  const role = caRole(input)
  const wanted = collect(role, input, null)
  const subject = subjectOf(role, wanted)
  const validity = validityOf(role, input, {
    now: call.now, mountDefaultSeconds: call.mount.defaultLeaseSeconds, mountMaxSeconds: call.mount.maxLeaseSeconds, issuer: null, warn: call.warn,
  })
  // A root is its own issuer: what would name another one by a template cannot be said yet.
  const urls = await urlsFor(call.store, null)
  return { validity, subject, isSubjectEmpty: isEmptyName(subject), names: checkNames(wanted.names), urls, constraints: constraintsOf(input) }
}

async function signRoot(call: CaCall, input: RootInput, draft: Awaited<ReturnType<typeof rootDraft>>, key: CaKey): Promise<{ made: Made; algorithm: string }> {
  const id = keyIdOf(key.spki)
  const signer = signerFor(call, key.record, input.signature_bits, input.use_pss)
  const extensions = caExtensions({
    ...draft, type: key.record.type, ids: { subject: id, authority: id }, pathLength: pathLengthFrom(input.max_path_length), keyUsage: input.key_usage, extKeyUsage: input,
  })
  const made = await sign({ ...draft.validity, issuer: draft.subject, subject: draft.subject, spki: key.spki, extensions }, signer, call)
  return { made, algorithm: signer.algorithm.name }
}

function warnAbout({ warn }: CaCall, noSubject: boolean, noUrls: boolean, noPath: boolean): void {
  if (noSubject) warn(warnings.noSubject)
  if (noUrls) warn(warnings.noAia)
  if (noPath) warn(warnings.pathLengthZero('generated'))
}

const byOrigin = { exported: keyOrigin }

export const generate = path('root/generate/{exported}', byOrigin).write({
  summary: 'Make a root.',
  input: rootInput,
  handle: (call) => generateRoot(call, call.params.exported, call.input, false),
})

const generateIssuer = path('issuers/generate/root/{exported}', byOrigin).write({
  summary: 'Make a root.',
  input: rootInput,
  handle: (call) => generateRoot(call, call.params.exported, call.input, false),
})

export const rotate = path('root/rotate/{exported}', byOrigin).write({
  summary: 'Make a further root, by default with the name "next".',
  input: rootInput,
  handle: (call) => generateRoot(call, call.params.exported, call.input, true),
})

const deleteRoot = path('root').delete({
  summary: 'Delete all issuers and keys.',
  access: 'sudo',
  async handle({ store }) {
    const index = await readIndex(store)
    for (const { id } of index.issuers) issuers.remove(store, id)
    for (const { id } of index.keys) keys.remove(store, id)
    writeIndex(store, { ...index, issuers: [], keys: [], defaultIssuer: '', defaultKey: '' })
    return reply({
      status: 200,
      warnings: ['DELETE /root deletes all keys and issuers; prefer the new DELETE /key/:key_ref and DELETE /issuer/:issuer_ref for finer granularity, unless removal of all keys and issuers is desired.'],
    })
  },
})

export const rootOperations = [generate, generateIssuer, rotate, deleteRoot]
