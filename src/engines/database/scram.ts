/** A password as PostgreSQL keeps it, so that it never sees the password itself: RFC 5803, RFC 7677. */
import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto'

const iterations = 4_096

/** `SCRAM-SHA-256$<iterations>:<salt>$<stored key>:<server key>`. Passwords of ASCII are not changed by SASLprep; others are normalised as far as NFKC does it. */
export function scramSha256(password: string, salt: Uint8Array = randomBytes(16)): string {
  const salted = pbkdf2Sync(password.normalize('NFKC'), salt, iterations, 32, 'sha256')
  const keyed = (word: string): Buffer => createHmac('sha256', salted).update(word).digest()
  const stored = createHash('sha256').update(keyed('Client Key')).digest('base64')
  return `SCRAM-SHA-256$${iterations}:${Buffer.from(salt).toString('base64')}$${stored}:${keyed('Server Key').toString('base64')}`
}
