/**
 * From a transferable public key (RFC 9580 §10.1) the one key that is to be encrypted to. Only what its owner has signed counts: a subkey that somebody
 * else put into the file would otherwise get to read what is meant for the fingerprint that people compare.
 */
import { OpenPgpError, readPackets, uint32, type Packet } from './packets.ts'
import { algorithms, keyData, readPublicKey, type PublicKey } from './public-key.ts'
import { isSignedBy, readSignature, signatureTypes, type Signature } from './signature.ts'

export interface Recipient {
  /** Of the primary key: 40 hex digits, which people compare. */
  readonly fingerprint: string
  /** The key to encrypt to. */
  readonly key: PublicKey
}

const tags = { signature: 2, secretKey: 5, publicKey: 6, secretSubkey: 7, userId: 13, publicSubkey: 14, userAttribute: 17 } as const
/** A key that many have signed is large; more than this is none. */
const packetsMax = 10_000

interface Part {
  /** What its signatures sign, and whether it is a subkey. */
  readonly subject: Buffer
  readonly subkey: PublicKey | null
  readonly isKey: boolean
  readonly signatures: Signature[]
}

/** `now`: seconds since 1970. Throws `OpenPgpError` when nothing can be encrypted to this key. */
export function readRecipient(bytes: Uint8Array, now: number): Recipient {
  const packets = readPackets(Buffer.from(bytes))
  if (packets.length > packetsMax) throw new OpenPgpError('it has too many parts')
  const [first, ...rest] = packets
  if (first?.tag === tags.secretKey) throw new OpenPgpError('it is a secret key: never send that to anybody; export the public key')
  if (first?.tag !== tags.publicKey) throw new OpenPgpError('it does not begin with a public key')
  if (rest.some(({ tag }) => tag === tags.publicKey)) throw new OpenPgpError('it holds several keys')
  const primary = readPublicKey(first.body)
  const key = encryptionKey(primary, partsOf(primary, rest), now)
  if (key === null) throw new OpenPgpError('it has no key for encryption that is valid now and of a kind that is supported (RSA, ECDH with Curve25519 or a NIST curve)')
  return { fingerprint: primary.fingerprint.toString('hex'), key }
}

function partsOf(primary: PublicKey, packets: readonly Packet[]): Part[] {
  const whole = keyData(primary.body)
  const parts: Part[] = [{ subject: whole, subkey: null, isKey: true, signatures: [] }]
  for (const { tag, body } of packets) {
    if (tag === tags.secretSubkey) throw new OpenPgpError('it holds a secret key: never send that to anybody; export the public key')
    if (tag === tags.publicSubkey) {
      const subkey = readSubkey(body)
      parts.push({ subject: Buffer.concat([whole, keyData(body)]), subkey, isKey: subkey !== null, signatures: [] })
    } else if (tag === tags.userId || tag === tags.userAttribute) {
      const head = Buffer.concat([Buffer.from([tag === tags.userId ? 0xb4 : 0xd1]), uint32(body.length)])
      parts.push({ subject: Buffer.concat([whole, head, body]), subkey: null, isKey: false, signatures: [] })
    } else if (tag === tags.signature) {
      const signature = readSignature(body)
      if (signature !== null) parts.at(-1)?.signatures.push(signature)
    }
  }
  return parts
}

/** A subkey that cannot be used is left out: another one may do. */
function readSubkey(body: Buffer): PublicKey | null {
  try {
    return readPublicKey(body)
  } catch (error) {
    if (error instanceof OpenPgpError) return null
    throw error
  }
}

/** The newest subkey for encryption, else the primary key if it is for that. */
function encryptionKey(primary: PublicKey, parts: readonly Part[], now: number): PublicKey | null {
  const { certifications, direct, subkey, keyRevocation, subkeyRevocation, certificationRevocation } = signatureTypes
  const signed = (part: Part, types: readonly number[]): Signature[] =>
    part.signatures.filter((signature) => types.includes(signature.type) && isSignedBy(primary, signature, part.subject, now))
  if (signed(parts[0] as Part, [keyRevocation]).length > 0) throw new OpenPgpError('it has been revoked')
  const statements = parts.filter((part) => part.subkey === null && signed(part, [certificationRevocation]).length === 0)
    .flatMap((part) => newest(signed(part, part.isKey ? [direct] : certifications)))
  const own = newest(statements)[0]
  if (own === undefined) throw new OpenPgpError('nothing in it is signed by its owner, or not in a way that is supported')
  if (!isAlive(primary, own, now)) throw new OpenPgpError('it has expired')
  const subkeys = parts.flatMap((part) => {
    const binding = part.subkey === null || signed(part, [subkeyRevocation]).length > 0 ? undefined : newest(signed(part, [subkey]))[0]
    return part.subkey !== null && binding !== undefined && isForEncryption(part.subkey, binding, now) ? [part.subkey] : []
  })
  const best = subkeys.sort((a, b) => b.createdAt - a.createdAt)[0]
  return best ?? (isForEncryption(primary, own, now) ? primary : null)
}

/** What was signed last holds. */
const newest = (signatures: readonly Signature[]): Signature[] => [...signatures].sort((a, b) => b.createdAt - a.createdAt).slice(0, 1)

const isAlive = ({ createdAt }: PublicKey, { keyLifetime }: Signature, now: number): boolean => createdAt <= now && (keyLifetime === 0 || createdAt + keyLifetime > now)

const encryptionFlags = 0x0c

function isForEncryption(key: PublicKey, binding: Signature, now: number): boolean {
  const canEncrypt = key.algorithm === algorithms.rsa || key.algorithm === algorithms.rsaEncrypt || key.ecdh !== null
  return canEncrypt && key.key !== null && isAlive(key, binding, now) && (binding.keyFlags === null || (binding.keyFlags & encryptionFlags) !== 0)
}
