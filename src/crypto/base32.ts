/** Base32 (RFC 4648, section 6), as keys of authenticator apps are written. */
const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
const valueOf: ReadonlyMap<string, number> = new Map([...alphabet].map((letter, value) => [letter, value]))
/** Letters that can stand in the last group of eight: others leave less than a byte over. */
const endings: ReadonlySet<number> = new Set([0, 2, 4, 5, 7])

/** Without padding. */
export function encodeBase32(bytes: Uint8Array): string {
  let text = ''
  let bits = 0
  let held = 0
  for (const byte of bytes) {
    held = ((held << 8) | byte) & 0xfff
    for (bits += 8; bits >= 5; bits -= 5) text += alphabet.charAt((held >> (bits - 5)) & 31)
  }
  return bits === 0 ? text : text + alphabet.charAt((held << (5 - bits)) & 31)
}

/** The bytes, or where the first mistake is: letters in either case, padding may be there or not. */
export function decodeBase32(text: string): Uint8Array | { readonly wrongAt: number } {
  const letters = text.replace(/={0,7}$/, '').toUpperCase()
  if (letters.length < text.length && text.length % 8 !== 0) return { wrongAt: letters.length }
  const bytes: number[] = []
  let bits = 0
  let held = 0
  for (let at = 0; at < letters.length; at++) {
    const value = valueOf.get(letters.charAt(at))
    if (value === undefined) return { wrongAt: at }
    held = ((held << 5) | value) & 0xfff
    bits += 5
    if (bits < 8) continue
    bits -= 8
    bytes.push((held >> bits) & 255)
  }
  return endings.has(letters.length % 8) ? Uint8Array.from(bytes) : { wrongAt: letters.length }
}
