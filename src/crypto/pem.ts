/** PEM (RFC 7468): blocks of base64 between two lines with a label. */

export interface PemBlock {
  readonly label: string
  readonly der: Buffer
}

/** 64 characters a line, without a line end after the last. */
export function pemEncode(label: string, der: Uint8Array): string {
  const body = Buffer.from(der.buffer, der.byteOffset, der.byteLength).toString('base64')
  let lines = `-----BEGIN ${label}-----\n`
  for (let at = 0; at < body.length; at += 64) lines += `${body.slice(at, at + 64)}\n`
  return `${lines}-----END ${label}-----`
}

const begin = /-----BEGIN ([A-Z0-9][A-Z0-9 ]{0,40})-----/g
/** Beginnings that are looked at: each may cost a search through the rest of the text. */
const beginningsMax = 2000

/**
 * Every block of a text, in order; what stands between them does not count, and a block that is not base64 to its end is passed over.
 * Headers inside (`Proc-Type`) mean an encrypted key, which is passed over too.
 */
export function pemDecode(text: string): PemBlock[] {
  const blocks: PemBlock[] = []
  const endless = new Set<string>()
  begin.lastIndex = 0
  for (let looked = 0, match = begin.exec(text); match !== null && looked < beginningsMax; looked++, match = begin.exec(text)) {
    const [line, label = ''] = match
    const end = endless.has(label) ? -1 : text.indexOf(`-----END ${label}-----`, match.index)
    if (end < 0) {
      endless.add(label)
      continue
    }
    const der = decodeBase64(text.slice(match.index + line.length, end))
    if (der !== null) blocks.push({ label, der })
    begin.lastIndex = end
  }
  return blocks
}

/** Bytes of base64 with blanks anywhere; null for anything else, and for nothing. */
export function decodeBase64(text: string): Buffer | null {
  const packed = text.replaceAll(/\s/g, '')
  return packed !== '' && packed.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(packed) ? Buffer.from(packed, 'base64') : null
}
