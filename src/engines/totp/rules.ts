/** Which keys there can be. */
import { decodeBase32 } from '../../crypto/base32.ts'
import { otpAlgorithms, type OtpAlgorithm } from '../../crypto/otp.ts'
import { encodePng } from '../../crypto/png.ts'
import { encodeQr } from '../../crypto/qr.ts'
import { badRequest } from '../../kit/errors.ts'

/** Longer secrets are hashed before use (RFC 2104), so they are no stronger. */
const secretBytesMax = 1024
const pictureSizeMax = 2048
/** White around the code, in modules, as readers need it (ISO/IEC 18004, section 9.1). */
const quietZone = 4

export function checkSettings(settings: { digits: number; algorithm: string; period: number; skew: number }): OtpAlgorithm {
  const { digits, period, skew } = settings
  const algorithm = otpAlgorithms.find((known) => known === settings.algorithm)
  if (digits !== 6 && digits !== 8) throw badRequest('the digits value can only be 6 or 8')
  if (algorithm === undefined) throw badRequest('the algorithm value is not valid')
  if (period <= 0) throw badRequest('the period value must be greater than zero')
  if (skew !== 0 && skew !== 1) throw badRequest('the skew value must be 0 or 1')
  return algorithm
}

export function checkSizes(qrSize: number, keySize: number): void {
  if (qrSize < 0) throw badRequest('the qr_size value must be greater than or equal to zero')
  if (qrSize > pictureSizeMax) throw badRequest(`the qr_size value must not be greater than ${pictureSizeMax}`)
  if (keySize <= 0) throw badRequest('the key_size value must be greater than zero')
  if (keySize > secretBytesMax) throw badRequest(`the key_size value must not be greater than ${secretBytesMax}`)
}

/** The bytes of a key in base32. Throws `bad_request` that says where the mistake is, never what stands there. */
export function parseSecret(written: string): Uint8Array {
  if (written === '') throw badRequest('the key value is required')
  const secret = decodeBase32(written)
  if ('wrongAt' in secret) throw badRequest(`invalid key value: illegal base32 data at input byte ${secret.wrongAt}`)
  if (secret.length === 0) throw badRequest('the key value is required')
  if (secret.length > secretBytesMax) throw badRequest(`the key value must not have more than ${secretBytesMax} bytes`)
  return secret
}

/** A PNG of `size` by `size` pixels with the code in its middle. Throws `bad_request` when it has no room for it. */
export function drawBarcode(url: string, size: number): Buffer {
  const code = encodeQr(Buffer.from(url))
  if (code === null) throw badRequest('the issuer, the account_name and the key are too long for a QR code: set qr_size to 0')
  const scale = Math.floor(size / (code.size + 2 * quietZone))
  if (scale < 1) throw badRequest(`the qr_size value must be 0, or at least ${code.size + 2 * quietZone} for what is in this code`)
  const margin = Math.floor((size - code.size * scale) / 2)
  const moduleAt = (pixel: number): number => Math.floor((pixel - margin) / scale)
  const isInside = (module: number): boolean => module >= 0 && module < code.size
  return encodePng(size, (x, y) => isInside(moduleAt(x)) && isInside(moduleAt(y)) && code.isDark(moduleAt(x), moduleAt(y)))
}
