/** Base64 as transit's callers and Go have it: the standard alphabet, padded, with line ends ignored and everything else refused. */
import { badRequest, type ApiError } from '../kit/errors.ts'

const clean = /^[A-Za-z0-9+/]*={0,2}$/
const cleanUrl = /^[A-Za-z0-9_-]*$/

/** The bytes of standard, padded base64 (RFC 4648, section 4), or null. */
export function decodeBase64(text: string): Buffer | null {
  const bare = text.includes('\n') || text.includes('\r') ? text.replaceAll(/[\r\n]/g, '') : text
  return bare.length % 4 === 0 && clean.test(bare) ? Buffer.from(bare, 'base64') : null
}

/** The bytes of base64url without padding (RFC 4648, section 5), or null. */
export const decodeBase64Url = (text: string): Buffer | null => (text.length % 4 !== 1 && cleanUrl.test(text) ? Buffer.from(text, 'base64url') : null)

/** As `decodeBase64`; throws `bad_request` with Go's words, which name the place and show nothing of the text. `label` goes before them. */
export function parseBase64(text: string, label = ''): Buffer {
  const bytes = decodeBase64(text)
  if (bytes === null) throw notBase64(text, label)
  return bytes
}

const notBase64 = (text: string, label: string): ApiError =>
  badRequest(`${label === '' ? '' : `${label}: `}illegal base64 data at input byte ${placeOfMistake(text)}`)

/** The offset of the first byte that does not belong, or of the group that is not complete. */
function placeOfMistake(text: string): number {
  const wrong = text.search(/[^A-Za-z0-9+/\r\n]/)
  return wrong < 0 ? text.length - (text.replaceAll(/[\r\n]/g, '').length % 4) : wrong
}
