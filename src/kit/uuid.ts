/** UUIDs (RFC 9562) out of bytes: engines are given randomness, not a generator. */

/** The random UUID (version 4) that 16 random bytes make: 122 of their 128 bits. */
export function uuidOf(random: Uint8Array): string {
  if (random.length !== 16) throw new RangeError('a UUID is made of 16 bytes')
  const bytes = Buffer.from(random)
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
  const hex = bytes.toString('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}
