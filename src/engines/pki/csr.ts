/** Signing requests as they come, and which keys a role takes. */
import { DerError } from '../../crypto/der-reader.ts'
import { pemDecode } from '../../crypto/pem.ts'
import { kindOf, type KeyKind } from '../../crypto/x509/keys.ts'
import { parseRequest, type SigningRequest } from '../../crypto/x509/request.ts'
import { badRequest } from '../../kit/errors.ts'
import type { Role } from './role-fields.ts'

export interface CheckedRequest extends SigningRequest {
  readonly kind: KeyKind
}

/** Throws `bad_request` for what is no request in PEM, or is not signed with its own key. */
export async function readRequest(pem: string): Promise<CheckedRequest> {
  if (pem === '') throw badRequest('"csr" is empty')
  const [block] = pemDecode(pem)
  if (block === undefined) throw badRequest('csr contains no data')
  return await checkRequest(block.der)
}

export async function checkRequest(der: Uint8Array): Promise<CheckedRequest> {
  const request = await checkedRequest(parse(der))
  if (!(await request.isSignatureValid())) throw badRequest('request signature invalid')
  return request
}

/** With a key of a known kind; the signature is the caller's to check. Throws `bad_request`. */
export async function checkedRequest(request: SigningRequest): Promise<CheckedRequest> {
  const key = await request.publicKey
  const kind = key === null ? null : kindOf(key)
  if (kind === null) throw badRequest('Refusing to sign CSR with an unsupported public key: only RSA, ECDSA on NIST curves, and Ed25519 are known')
  return { kind, ...request }
}

function parse(der: Uint8Array): SigningRequest {
  try {
    return parseRequest(der)
  } catch (cause) {
    if (cause instanceof DerError) throw badRequest(`certificate request could not be parsed: ${cause.message}`, { cause })
    throw cause
  }
}

const smallestRsa = 2048
const largestRsa = 16384

/** Throws `bad_request` for keys that a role does not take. */
export function checkKind({ type, bits }: KeyKind, role: Pick<Role, 'key_type' | 'key_bits'>): void {
  if (role.key_type !== 'any' && role.key_type !== type) throw badRequest(`role requires keys of type ${role.key_type}`)
  const fewest = role.key_type === 'any' ? 0 : role.key_bits
  if (bits < fewest) throw badRequest(`role requires a minimum of a ${fewest}-bit key, but CSR's key is ${bits} bits`)
  if (type === 'rsa' && (bits < smallestRsa || bits > largestRsa)) throw badRequest(`a minimum of a ${smallestRsa}-bit key is required, but CSR's key is ${bits} bits`)
}
