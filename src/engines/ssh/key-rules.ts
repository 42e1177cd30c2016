/** Which keys may be signed. */
import type { SshKeyForm } from '../../crypto/ssh-private-key.ts'
import type { SshKeyKind } from '../../crypto/ssh-public-key.ts'
import { badRequest } from '../../kit/errors.ts'

type Allowed = Readonly<Record<string, readonly number[]>>

interface KeySize {
  readonly kind: SshKeyKind
  readonly bits: number
}

/** Names by which `allowed_user_key_lengths` can mean a key; those after the bar say the size themselves. */
function namesOf({ kind, bits }: KeySize): { readonly sized: readonly string[]; readonly exact: readonly string[] } {
  if (kind === 'rsa') return { sized: ['rsa', 'ssh-rsa'], exact: [] }
  if (kind === 'ecdsa') return { sized: ['ec', 'ecdsa'], exact: [`ecdsa-sha2-nistp${bits}`] }
  if (kind === 'ed25519') return { sized: [], exact: ['ed25519', 'ssh-ed25519'] }
  return { sized: [], exact: [kind, kind === 'ed25519-sk' ? 'sk-ssh-ed25519@openssh.com' : 'sk-ecdsa-sha2-nistp256@openssh.com'] }
}

/** Null when the key may be signed; otherwise why not. Without any entry every key may be. */
function findKeyFault(allowed: Allowed, key: KeySize): 'type' | 'size' | null {
  const sizes = (name: string): readonly number[] => (Object.hasOwn(allowed, name) ? (allowed[name] ?? []) : [])
  const { sized, exact } = namesOf(key)
  const named = [...sized, ...exact].filter((name) => Object.hasOwn(allowed, name))
  if (Object.keys(allowed).length === 0) return null
  if (named.length === 0) return 'type'
  const fits = sized.some((name) => sizes(name).includes(key.bits)) || exact.some((name) => sizes(name).length > 0)
  return fits ? null : 'size'
}

/** Throws `bad_request`. */
export function checkSignedKey(allowed: Allowed, key: KeySize): void {
  const fault = findKeyFault(allowed, key)
  if (fault === 'type') throw badRequest(`public_key failed to meet the key requirements: key of type ${key.kind} is not allowed`)
  if (fault === 'size') throw badRequest(`public_key failed to meet the key requirements: key is of an invalid size: ${key.bits}`)
}

/** Of a key that is still to be generated. Throws `bad_request`. */
export function checkIssuedKey(allowed: Allowed, form: SshKeyForm): void {
  const key: KeySize = form.kind === 'rsa' ? form : form.kind === 'ec' ? { kind: 'ecdsa', bits: Number(form.curve.slice(2)) } : { kind: 'ed25519', bits: 0 }
  const fault = findKeyFault(allowed, key)
  if (fault === 'type') throw badRequest('provided key_type value not in allowed_user_key_types')
  if (fault === 'size') throw badRequest("provided key_bits value not in list of role's allowed_user_key_types")
}
