/** Certificates: for a key that the caller has, or for a new one. */
import { createPrivateKey, createPublicKey } from 'node:crypto'
import { signSshCertificate, sshSigner, type RsaSignature, type SshSigner } from '../../crypto/ssh-certificate.ts'
import { formatSshPrivateKey, generateSshKey } from '../../crypto/ssh-private-key.ts'
import { parseSshPublicKey, sshPublicKeyOf, type SshPublicKey } from '../../crypto/ssh-public-key.ts'
import { badRequest } from '../../kit/errors.ts'
import { defaulted, duration, integer, nameTextWithAt, optional, text, textMap, type ValuesOf } from '../../kit/fields.ts'
import { path, type Call } from '../../kit/operation.ts'
import { reply, type Reply } from '../../kit/result.ts'
import { checkSize, checkType, criticalOptionsFor, extensionsFor, keyIdFor, lifetimeFor, principalsFor } from './certificate-rules.ts'
import { resolveIssuer } from './find-issuer.ts'
import { parsedAs, parseKeyForm } from './issuer-rules.ts'
import { checkIssuedKey, checkSignedKey } from './key-rules.ts'
import { resolveRole, type CaRole, type Issuer, type Role } from './records.ts'

const roleParam = { role: nameTextWithAt('Name of the role.') }
const askedFields = {
  ttl: optional(duration('How long the certificate is valid. More than the role allows is refused.')),
  valid_principals: optional(text('Comma text of the users or hosts that it is for.')),
  cert_type: defaulted(text('`user` or `host`.'), 'user'),
  key_id: defaulted(text('By which name sshd logs it, if the role lets the caller choose.'), ''),
  critical_options: defaulted(textMap('Critical options, such as `force-command` or `source-address`.'), {}),
  extensions: defaulted(textMap('Extensions, such as `permit-pty`.'), {}),
}
const answered = {
  issuer_id: text('Id of the authority that signed.'),
  serial_number: text('Serial number in hexadecimal.'),
  signed_key: text('The certificate, one line.'),
}
type SignCall = Call<ValuesOf<typeof roleParam>, ValuesOf<typeof askedFields>>

const signers = new WeakMap<Issuer, Map<RsaSignature, SshSigner>>()

/** Reading a private key costs more than signing with it: it is kept with the stored record, for as long as that stays the same. */
function signerOf(issuer: Issuer, { algorithm_signer: chosen }: CaRole): SshSigner {
  const known = signers.get(issuer) ?? new Map<RsaSignature, SshSigner>()
  signers.set(issuer, known)
  const rsa = chosen === 'default' ? 'rsa-sha2-256' : chosen
  const found = known.get(rsa) ?? sshSigner(createPrivateKey(issuer.privateKey), rsa)
  known.set(rsa, found)
  return found
}

/** A role for passwords allows no certificate of any kind; the text is the one that clients know. */
function certificateRole(role: Role, type: string): CaRole {
  if (role.key_type === 'ca') return role
  throw badRequest(type === 'user' || type === 'host' ? `cert_type '${type}' is not allowed by role` : "cert_type must be either 'user' or 'host'")
}

async function certify(call: SignCall, role: CaRole, key: SshPublicKey): Promise<{ readonly data: Record<string, string>; readonly warnings: readonly string[] }> {
  const { input, params, caller, store, mount, now, random, fillTemplate } = call
  const keyId = keyIdFor(role, { asked: input.key_id, role: params.role, displayName: caller?.displayName ?? '', blob: key.blob })
  const type = checkType(role, input.cert_type)
  const principals = principalsFor(role, type, input.valid_principals, fillTemplate)
  const ttl = lifetimeFor(role, input.ttl, mount)
  const criticalOptions = criticalOptionsFor(role, input.critical_options)
  const { extensions, isPartial } = extensionsFor(role, input.extensions, (caller?.entityId ?? '') !== '', fillTemplate)
  checkSize(keyId, principals, criticalOptions, extensions)
  const issuer = await resolveIssuer(store, role.issuer_ref)
  const serial = Buffer.from(random(8)).readBigUInt64BE()
  const seconds = Math.floor(now / 1000)
  const [validAfter, validBefore] = [Math.max(0, seconds - role.not_before_duration), seconds + ttl]
  const certificate = { key, serial, type, keyId, principals, validAfter, validBefore, criticalOptions, extensions }
  const signed_key = await signSshCertificate(certificate, random(32), signerOf(issuer, role))
  return { data: { issuer_id: issuer.id, serial_number: serial.toString(16), signed_key }, warnings: isPartial ? [partialExtensions] : [] }
}

const partialExtensions =
  'default_extension templating enabled with at least one extension requiring identity templating. However, this request lacked identity entity information, ' +
  'causing one or more extensions to be skipped from the generated certificate.'

export const signKey = path('sign/{role}', roleParam).write({
  summary: 'Sign a public key.',
  input: { ...askedFields, public_key: defaulted(text('The key, as it stands in a `.pub` file.'), '') },
  output: answered,
  async handle(call): Promise<Reply> {
    const { input, params, store } = call
    const found = await resolveRole(store, params.role, `Unknown role: ${params.role}`)
    if (input.public_key === '') throw badRequest('missing public_key')
    const key = parsedAs('failed to parse public_key as SSH key', () => parseSshPublicKey(input.public_key))
    const role = certificateRole(found, input.cert_type)
    checkSignedKey(role.allowed_user_key_lengths, key)
    return reply(await certify(call, role, key))
  },
})

export const issueKey = path('issue/{role}', roleParam).write({
  summary: 'Generate a key pair and sign it.',
  description: 'The private key is in the answer and kept nowhere. Better is to make the key where it is used, and to have it signed.',
  input: {
    ...askedFields,
    key_type: defaulted(text('`rsa`, `ec` or `ed25519`.'), 'rsa'),
    key_bits: defaulted(integer('Bits of the key; 0 for the usual number.'), 0),
  },
  output: { ...answered, private_key: text('The private key.'), private_key_type: text('Its type.') },
  async handle(call): Promise<Reply> {
    const { input, params, store } = call
    const role = await resolveRole(store, params.role, `unknown role: ${params.role}`)
    if (role.key_type !== 'ca') throw badRequest(`role key type '${role.key_type}' not allowed to issue key pairs`)
    const form = parseKeyForm(input.key_type, input.key_bits)
    checkIssuedKey(role.allowed_user_key_lengths, form)
    const key = await generateSshKey(form)
    const { data, warnings } = await certify(call, role, sshPublicKeyOf(createPublicKey(key)))
    return reply({ data: { ...data, private_key: formatSshPrivateKey(key), private_key_type: input.key_type }, warnings })
  },
})
