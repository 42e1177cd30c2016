/**
 * Arithmetic in GF(2^8) modulo x^8 + x^4 + x^3 + x + 1 (0x11b), the field of AES (FIPS 197, section 4). No table is indexed by, and no
 * branch depends on, an operand: look-up tables leak shares through the cache (CVE-2023-25000).
 */

/** The product of two bytes, in the same number of steps whatever they are. */
export function multiply(a: number, b: number): number {
  let product = 0
  for (let bit = 7; bit >= 0; bit -= 1) {
    const overflow = -(product >> 7) & 0x11b
    product = (product << 1) ^ overflow ^ (-((b >> bit) & 1) & a)
  }
  return product
}

/** The multiplicative inverse as a^254; 0 for 0. */
export function invert(a: number): number {
  const a2 = multiply(a, a)
  const a3 = multiply(a2, a)
  const a12 = multiply(multiply(a3, a3), multiply(a3, a3))
  const a15 = multiply(a12, a3)
  const a30 = multiply(a15, a15)
  const a60 = multiply(a30, a30)
  const a120 = multiply(a60, a60)
  const a126 = multiply(a120, multiply(a3, a3))
  const a127 = multiply(a126, a)
  return multiply(a127, a127)
}

/** The polynomial with these coefficients (constant term first) at x, by Horner's rule. */
export function evaluate(coefficients: Uint8Array, x: number): number {
  let y = 0
  for (let i = coefficients.length - 1; i >= 0; i -= 1) y = multiply(y, x) ^ (coefficients[i] as number)
  return y
}
