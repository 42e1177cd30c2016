/** Requests for intermediate CAs: the key is here, the certificate comes from elsewhere. */
import { pemEncode } from '../../crypto/pem.ts'
import { basicConstraints, subjectKeyId } from '../../crypto/x509/extensions.ts'
import { keyIdOf } from '../../crypto/x509/keys.ts'
import { isEmptyName } from '../../crypto/x509/name.ts'
import { writeRequest } from '../../crypto/x509/request.ts'
import { defaulted, flag, optional, text, type ValuesOf } from '../../kit/fields.ts'
import { path, type Call } from '../../kit/operation.ts'
import { reply, type Result } from '../../kit/result.ts'
import { base64, checkFormat, keyText } from './answer.ts'
import { nameExtensions, subjectOf } from './assemble.ts'
import { signerFor } from './authority.ts'
import { caRole, checkNames, hasNoUrls, warnings } from './ca.ts'
import { collect } from './collect.ts'
import { caKey, keyOrigin } from './new-key.ts'
import { caCommonFields } from './roots.ts'
import { newKeyFields } from './request-fields.ts'
import { urlsFor } from './urls.ts'

const { ttl: _ttl, ...withoutTtl } = caCommonFields
const requestInput = {
  ...withoutTtl, ...newKeyFields,
  ttl: optional(text('Without effect: the signer decides.')),
  add_basic_constraints: defaulted(flag('Ask to be a CA in the request itself; some signers need that.'), false),
}
type RequestInput = ValuesOf<typeof requestInput>

async function generateRequest(call: Pick<Call<unknown, unknown>, 'managedKeys' | 'store' | 'random' | 'warn'>, origin: string, input: RequestInput): Promise<Result> {
  const { store } = call
  const format = checkFormat(input.format)
  const role = caRole({ ...input, ttl: 0 })
  const wanted = collect(role, input, null)
  const subject = subjectOf(role, wanted)
  const names = checkNames(wanted.names)
  const key = await caKey(call, origin, input)
  const extensions = [
    ...(input.add_basic_constraints ? [basicConstraints(true, null)] : []),
    subjectKeyId(keyIdOf(key.spki)),
    ...nameExtensions(names, isEmptyName(subject)),
  ]
  const der = await writeRequest(subject, key.spki, extensions, signerFor(call, key.record, input.signature_bits, input.use_pss))
  if (hasNoUrls(await urlsFor(store, null))) call.warn(warnings.noAia)
  const shown = key.shown === null ? null : keyText(key.shown, format, input.private_key_format)
  const csr = format === 'der' ? base64(der) : [...(shown === null || format === 'pem' ? [] : [shown]), pemEncode('CERTIFICATE REQUEST', der)].join('\n')
  return reply({ data: { csr, key_id: key.entry.id, ...(shown === null ? {} : { private_key: shown, private_key_type: key.shown?.type }) } })
}

const byOrigin = { exported: keyOrigin }
const summary = 'Make a key, or take one, and a signing request for an intermediate CA.'

const generateIntermediate = path('intermediate/generate/{exported}', byOrigin).write({
  summary,
  input: requestInput,
  handle: (call) => generateRequest(call, call.params.exported, call.input),
})

const generateIntermediateIssuer = path('issuers/generate/intermediate/{exported}', byOrigin).write({
  summary,
  input: requestInput,
  handle: (call) => generateRequest(call, call.params.exported, call.input),
})

const crossSign = path('intermediate/cross-sign').write({
  summary: 'Make a signing request for a key that is there, so that another CA can sign it too.',
  input: requestInput,
  handle: (call) => generateRequest(call, 'existing', call.input),
})

export const intermediateOperations = [generateIntermediate, generateIntermediateIssuer, crossSign]
