/**
 * Enrolment protocols (EST, SCEP, CMP) name no role in their messages: the path does, or else the configuration of the protocol. What they ask for goes
 * through the same rules as any other certificate.
 */
import { badRequest, ApiError } from '../../kit/errors.ts'
import type { Transaction } from '../../kit/store.ts'
import { checkKind, type CheckedRequest } from './csr.ts'
import { issueLeaf, type Issued, type LeafCall, type LeafInput } from './leaf.ts'
import { openRole } from './open-role.ts'
import { roles } from './records.ts'
import type { Role } from './role-fields.ts'

type Reader = Pick<Transaction, 'get'>

/** Throws `bad_request`. `written`: `sign-verbatim` or `role:NAME`; */
export async function checkPathPolicy(store: Reader, field: string, written: string): Promise<void> {
  if (written === 'sign-verbatim') return
  const name = roleNameOf(written)
  if (name === null) throw badRequest(`${field}: ${JSON.stringify(written)} is neither sign-verbatim nor role:NAME`)
  if ((await roles.read(store, name)) === null) throw badRequest(`${field}: the role ${name} does not exist`)
}

const roleNameOf = (written: string): string | null => (written.startsWith('role:') && written.length > 5 ? written.slice(5) : null)

export interface PathPolicy {
  readonly roleName: string
  readonly role: Role
  /** Subject and extensions are those of the request. */
  readonly isVerbatim: boolean
}

/** Certificates of these protocols are found again in the store, and have no lease. */
const enrolled = (role: Role): Role => ({ ...role, generate_lease: false })

/** The role of a path; `name` null: what `policy` says. Throws `not_found` where the path leads to nothing. */
export async function resolvePathPolicy(store: Reader, name: string | null, policy: string): Promise<PathPolicy> {
  if (name === null && policy === 'sign-verbatim') {
    return { roleName: '', role: openRole({ use_csr_common_name: true, use_csr_sans: true, not_before_duration: 30 }), isVerbatim: true }
  }
  const roleName = name ?? roleNameOf(policy)
  const role = roleName === null ? null : await roles.read(store, roleName)
  if (roleName === null || role === null) throw new ApiError('not_found', roleName === null ? 'no default_path_policy is configured' : `unknown role: ${roleName}`)
  return { roleName, role: enrolled(role), isVerbatim: false }
}

const fromRequest: LeafInput = Object.freeze({
  common_name: '', alt_names: '', ip_sans: [], uri_sans: [], other_sans: [], serial_number: '', exclude_cn_from_sans: false, user_ids: [],
  format: 'der', private_key_format: 'der', remove_roots_from_chain: false,
})

/** Throws `bad_request` for whatever the role or the issuer does not allow. */
export async function enrol(call: LeafCall, { roleName, role, isVerbatim }: PathPolicy, csr: CheckedRequest): Promise<Issued> {
  checkKind(csr.kind, role)
  const order = { roleName, role: { ...role, use_csr_common_name: true, use_csr_sans: true }, issuerRef: role.issuer_ref, input: fromRequest, csr, isVerbatim, isTruncated: true }
  return (await issueLeaf(call, order, () => ({ ...csr.kind, spki: csr.spki, privateKey: null }))).issued
}
