/**
 * The one canonical form of a path and of a namespace. Whatever spelling arrives, routing, policy and audit see this form or the
 * request is refused, so that no spelling of a path can slip past a rule for another one (CVE-2026-3605 and its kin).
 */
import { isUtf8 } from 'node:buffer'
import { badRequest } from '../kit/errors.ts'

/** Bytes of UTF-8. Far above what engines accept, far below what the request line may hold. */
export const pathBytesMax = 4096

/** Printable ASCII that needs no second look: no '%' and no '#'. */
const plain = /^[!"$&-~]*$/
const dotSegment = /(?:^|\/)\.{1,2}(?:\/|$)/
const parentSegment = /(?:^|\/)\.\.(?:\/|$)/
/** All but letters, marks, numbers, punctuation, symbols and the ASCII space, as Vault: controls, invisible and bidirectional signs. */
const unprintable = /[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/u

/**
 * The canonical form of the path in a request target (after `/v1/`, before '?'), decoded exactly once: `%2F` is '/', `%252F` is the
 * text `%2F`. Leading slashes are dropped, `//` inside is kept: names such as `http://x` are in use. Throws `bad_request` with the
 * reason for broken escapes, bytes that are no UTF-8, unprintable characters, `.` and `..` segments, and paths that are too long.
 */
export function parsePath(encoded: string): string {
  const path = plain.test(encoded) ? encoded : decodePath(encoded)
  if (dotSegment.test(path)) throw badRequest(`path cannot contain ${parentSegment.test(path) ? 'parent references' : "'.' segments"}`)
  if (path.length > pathBytesMax / 4 && Buffer.byteLength(path) > pathBytesMax)
    throw badRequest(`path is longer than ${pathBytesMax} bytes`)
  return path.startsWith('/') ? path.replace(/^\/+/, '') : path
}

/** '' for the root, else `a/b/`. `raw` is the header as Node gives it, one character per byte. Refuses what `parsePath` refuses. */
export function parseNamespace(raw: string): string {
  const text = decodeBytes(Buffer.from(raw, 'latin1'), 'X-Vault-Namespace')
  const path = text.replace(/^\/+|\/+$/g, '')
  if (path === '') return ''
  if (dotSegment.test(path)) throw badRequest('X-Vault-Namespace cannot contain parent references')
  if (path.includes('//')) throw badRequest('X-Vault-Namespace has an empty segment')
  if (Buffer.byteLength(path) > pathBytesMax) throw badRequest(`X-Vault-Namespace is longer than ${pathBytesMax} bytes`)
  return `${path}/`
}

function decodePath(encoded: string): string {
  if (encoded.includes('#')) throw badRequest("path has a '#' that is not percent-encoded")
  const bytes = unescapePercent(encoded)
  if (bytes === null) throw badRequest('path has a broken percent-encoding')
  return decodeBytes(bytes, 'path')
}

function decodeBytes(bytes: Uint8Array, what: string): string {
  if (!isUtf8(bytes)) throw badRequest(`${what} is not valid UTF-8`)
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
  if (unprintable.test(text)) throw badRequest(`${what} has a character that is not printable`)
  return text
}

/** The bytes that percent-encoded text stands for (RFC 3986); other characters are bytes, as Node gives them. Null when broken. */
export function unescapePercent(encoded: string): Uint8Array | null {
  const bytes = Buffer.from(encoded, 'latin1')
  let end = 0
  for (let i = 0; i < bytes.length; i++, end++) {
    let byte = bytes[i] ?? 0
    if (byte === 37) {
      const high = hexDigit(bytes[i + 1])
      const low = hexDigit(bytes[i + 2])
      if (high < 0 || low < 0) return null
      byte = high * 16 + low
      i += 2
    }
    bytes[end] = byte
  }
  return bytes.subarray(0, end)
}

function hexDigit(code: number | undefined): number {
  if (code === undefined) return -1
  if (code >= 48 && code <= 57) return code - 48
  const letter = code | 32
  return letter >= 97 && letter <= 102 ? letter - 87 : -1
}
