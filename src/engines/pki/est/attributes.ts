/** The CSR attributes of EST (RFC 7030 §4.5.2): which kind of key a role takes. */
import { integer, oid, sequence, setOf } from '../../../crypto/der.ts'
import type { Role } from '../role-fields.ts'

const curves: Readonly<Record<number, { readonly curve: string; readonly signature: string }>> = {
  224: { curve: '1.3.132.0.33', signature: '1.2.840.10045.4.3.2' }, 256: { curve: '1.2.840.10045.3.1.7', signature: '1.2.840.10045.4.3.2' },
  384: { curve: '1.3.132.0.34', signature: '1.2.840.10045.4.3.3' }, 521: { curve: '1.3.132.0.35', signature: '1.2.840.10045.4.3.4' },
}

/** Null where any key will do. */
export function writeAttributes({ key_type: type, key_bits: bits }: Pick<Role, 'key_type' | 'key_bits'>): Buffer | null {
  const attribute = (id: string, value: Buffer): Buffer => sequence(oid(id), setOf(value))
  if (type === 'rsa') return sequence(attribute('1.2.840.113549.1.1.1', integer(bits)), oid('1.2.840.113549.1.1.11'))
  if (type === 'ed25519') return sequence(oid('1.3.101.112'))
  const known = type === 'ec' ? curves[bits] : undefined
  return known === undefined ? null : sequence(attribute('1.2.840.10045.2.1', oid(known.curve)), oid(known.signature))
}
