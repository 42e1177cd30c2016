/** issue, sign and sign-verbatim, by role or by issuer and role. */
import { generateKey } from '../../crypto/x509/keys.ts'
import { badRequest } from '../../kit/errors.ts'
import { defaulted, flag, optional, text } from '../../kit/fields.ts'
import { path } from '../../kit/operation.ts'
import type { Result } from '../../kit/result.ts'
import { checkFormat } from './answer.ts'
import { checkKind, readRequest } from './csr.ts'
import { issueLeaf, leafAnswer, type LeafCall, type LeafInput, type LeafKey, type LeafOrder } from './leaf.ts'
import { csrField, keyFields, leafFields, purposeFields, signatureFields } from './request-fields.ts'
import type { Role } from './role-fields.ts'
import { checkKeyChoice } from './role-rules.ts'
import { openRole } from './open-role.ts'
import { resolveRole, roleName } from './roles.ts'

export const issuerRef = text('Name or id of the issuer, or default.')
const roleParam = { role: roleName }

const issueInput = { ...leafFields, ...keyFields }
const signInput = { ...leafFields, ...csrField }
const verbatimInput = {
  ...signInput, ...purposeFields, ...signatureFields,
  basic_constraints_valid_for_non_ca: optional(flag('Say of leaves that they are no CA.')),
  issuer_ref: defaulted(text('Name or id of the issuer.'), ''),
}

interface KeyInput {
  readonly key_type?: string
  readonly key_bits?: number
}

function keyChoice(call: LeafCall, role: Role, { key_type: type, key_bits: bits }: KeyInput): { readonly type: 'rsa' | 'ec' | 'ed25519'; readonly bits: number } {
  if (role.key_type !== 'any') {
    if (type !== undefined || bits !== undefined) call.warn('parameters key_type and key_bits ignored as role had specific values')
    return { type: role.key_type as 'rsa', bits: role.key_bits }
  }
  if (type === undefined) throw badRequest('role key type "any" not allowed for issuing certificates without providing key_type and/or key_bits request parameters')
  const chosen = checkKeyChoice(type, bits ?? 0, 0)
  if (chosen.type === 'any') throw badRequest('key_type must be rsa, ec or ed25519')
  return { type: chosen.type, bits: chosen.bits }
}

async function newLeafKey(choice: { readonly type: 'rsa' | 'ec' | 'ed25519'; readonly bits: number }): Promise<LeafKey> {
  const { privateDer, spki } = await generateKey(choice.type, choice.bits)
  return { spki, privateKey: { type: choice.type, der: privateDer }, ...choice }
}

async function issue(call: LeafCall, name: string, issuer: string | null, input: LeafInput & KeyInput): Promise<Result> {
  const role = await resolveRole(call.store, name)
  checkFormat(input.format)
  const choice = keyChoice(call, role, input)
  const order: LeafOrder = { roleName: name, role, issuerRef: issuer ?? role.issuer_ref, input, csr: null, isVerbatim: false }
  return leafAnswer(call, order, await issueLeaf(call, order, () => newLeafKey(choice)))
}

async function signRequest(call: LeafCall, order: Omit<LeafOrder, 'csr'>, pem: string): Promise<Result> {
  checkFormat(order.input.format)
  const csr = await readRequest(pem)
  checkKind(csr.kind, order.role)
  const whole: LeafOrder = { csr, ...order }
  const answer = await leafAnswer(call, whole, await issueLeaf(call, whole, () => ({ spki: csr.spki, privateKey: null, ...csr.kind })))
  const { role, input } = order
  if (role.use_csr_common_name && input.common_name !== '') call.warn('the common_name field was provided but the role is set with "use_csr_common_name" set to true')
  if (role.use_csr_sans && input.alt_names !== '') call.warn('the alt_names field was provided but the role is set with "use_csr_sans" set to true')
  return answer
}

async function signByRole(call: LeafCall, name: string, issuer: string | null, input: LeafInput & { readonly csr: string }): Promise<Result> {
  const role = await resolveRole(call.store, name)
  return signRequest(call, { roleName: name, role, issuerRef: issuer ?? role.issuer_ref, input, isVerbatim: false }, input.csr)
}

interface VerbatimInput extends LeafInput {
  readonly csr: string
  readonly key_usage: readonly string[]
  readonly ext_key_usage: readonly string[]
  readonly ext_key_usage_oids: readonly string[]
  readonly signature_bits: number
  readonly use_pss: boolean
  readonly basic_constraints_valid_for_non_ca?: boolean
  readonly issuer_ref: string
}

/** Of a role only its times, its storage and its issuer count. */
async function signVerbatim(call: LeafCall, name: string | null, issuer: string | null, input: VerbatimInput): Promise<Result> {
  const base = name === null ? null : await resolveRole(call.store, name)
  const role = openRole({
    use_csr_common_name: true,
    use_csr_sans: true,
    key_usage: input.key_usage,
    ext_key_usage: input.ext_key_usage,
    ext_key_usage_oids: input.ext_key_usage_oids,
    signature_bits: input.signature_bits,
    use_pss: input.use_pss,
    basic_constraints_valid_for_non_ca: input.basic_constraints_valid_for_non_ca ?? base?.basic_constraints_valid_for_non_ca ?? false,
    ...(base === null ? {} : { ttl: base.ttl, max_ttl: base.max_ttl, generate_lease: base.generate_lease, no_store: base.no_store, not_before_duration: base.not_before_duration || 30 }),
  })
  const ref = issuer ?? (base?.issuer_ref || input.issuer_ref || 'default')
  return signRequest(call, { roleName: name ?? '', role, issuerRef: ref, input, isVerbatim: true }, input.csr)
}

const issueByRole = path('issue/{role}', roleParam).write({
  summary: 'Make a key and a certificate for it.',
  input: issueInput,
  handle: (call) => issue(call, call.params.role, null, call.input),
})

const issueByIssuer = path('issuer/{issuer_ref}/issue/{role}', { ...roleParam, issuer_ref: issuerRef }).write({
  summary: 'Make a key and a certificate for it, by this issuer.',
  input: issueInput,
  handle: (call) => issue(call, call.params.role, call.params.issuer_ref, call.input),
})

const signByRoleOp = path('sign/{role}', roleParam).write({
  summary: 'Make a certificate for the key of a signing request.',
  input: signInput,
  handle: (call) => signByRole(call, call.params.role, null, call.input),
})

const signByIssuer = path('issuer/{issuer_ref}/sign/{role}', { ...roleParam, issuer_ref: issuerRef }).write({
  summary: 'Make a certificate for the key of a signing request, by this issuer.',
  input: signInput,
  handle: (call) => signByRole(call, call.params.role, call.params.issuer_ref, call.input),
})

export const verbatim = path('sign-verbatim').write({
  summary: 'Sign a request as it stands, whatever it says.',
  input: verbatimInput,
  handle: (call) => signVerbatim(call, null, null, call.input),
})

const verbatimByRole = path('sign-verbatim/{role}', roleParam).write({
  summary: 'Sign a request as it stands; the role says how long it is valid and who signs.',
  input: verbatimInput,
  handle: (call) => signVerbatim(call, call.params.role, null, call.input),
})

const verbatimByIssuer = path('issuer/{issuer_ref}/sign-verbatim', { issuer_ref: issuerRef }).write({
  summary: 'Sign a request as it stands, by this issuer.',
  input: verbatimInput,
  handle: (call) => signVerbatim(call, null, call.params.issuer_ref, call.input),
})

const verbatimByIssuerAndRole = path('issuer/{issuer_ref}/sign-verbatim/{role}', { ...roleParam, issuer_ref: issuerRef }).write({
  summary: 'Sign a request as it stands, by this issuer; the role says how long it is valid.',
  input: verbatimInput,
  handle: (call) => signVerbatim(call, call.params.role, call.params.issuer_ref, call.input),
})

export const issueOperations = [issueByRole, issueByIssuer, signByRoleOp, signByIssuer, verbatim, verbatimByRole, verbatimByIssuer, verbatimByIssuerAndRole]
