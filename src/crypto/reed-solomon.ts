/** Error correction of QR codes: Reed-Solomon over GF(256) with the polynomial x^8 + x^4 + x^3 + x^2 + 1 (ISO/IEC 18004, annex A). */
const exponents = new Uint8Array(510)
const logarithms = new Uint8Array(256)
for (let power = 0, value = 1; power < 255; power++) {
  exponents[power] = value
  exponents[power + 255] = value
  logarithms[value] = power
  value = value & 0x80 ? ((value << 1) ^ 0x11d) & 0xff : value << 1
}

const times = (a: number, b: number): number => (a === 0 || b === 0 ? 0 : (exponents[(logarithms[a] ?? 0) + (logarithms[b] ?? 0)] ?? 0))

/** The product of (x - 2^i) for i below `degree`, without its leading 1. */
function generator(degree: number): Uint8Array {
  const result = new Uint8Array(degree)
  result[degree - 1] = 1
  for (let i = 0; i < degree; i++) {
    for (let at = 0; at < degree; at++) result[at] = times(result[at] ?? 0, exponents[i] ?? 0) ^ (result[at + 1] ?? 0)
  }
  return result
}

/** The `count` codewords that stand behind `data`: the remainder of its division by the generator. */
export function correctionOf(data: Uint8Array, count: number): Uint8Array {
  const divisor = generator(count)
  const remainder = new Uint8Array(count)
  for (const byte of data) {
    const factor = byte ^ (remainder[0] ?? 0)
    remainder.copyWithin(0, 1)
    remainder[count - 1] = 0
    for (let at = 0; at < count; at++) remainder[at] = (remainder[at] ?? 0) ^ times(divisor[at] ?? 0, factor)
  }
  return remainder
}
