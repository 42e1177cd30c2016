/** QR codes (ISO/IEC 18004): any bytes, of error correction level M, in the smallest version that holds them, with the best of the masks. */
import { correctionOf } from './reed-solomon.ts'

/** A square of modules, `size` on each side, without the quiet zone around it (4 modules). */
export interface QrCode {
  readonly size: number
  readonly isDark: (x: number, y: number) => boolean
}

// ISO/IEC 18004, table 9, level M, by version: codewords of correction in each block, and the number of blocks.
const correctionSizes = [
  10, 16, 26, 18, 24, 16, 18, 22, 22, 26, 30, 22, 22, 24, 24, 28, 28, 26, 26, 26, 26, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28,
  28, 28, 28, 28, 28,
]
const blockCounts = [
  1, 1, 1, 2, 2, 4, 4, 4, 5, 5, 5, 8, 9, 9, 10, 10, 11, 13, 14, 16, 17, 17, 18, 20, 21, 23, 25, 26, 28, 29, 31, 33, 35, 37, 38, 40, 43, 45, 47, 49,
]
const versionMax = 40
const byteMode = 0b0100

const masks: readonly ((x: number, y: number) => boolean)[] = [
  (x, y) => (x + y) % 2 === 0,
  (_, y) => y % 2 === 0,
  (x) => x % 3 === 0,
  (x, y) => (x + y) % 3 === 0,
  (x, y) => (Math.floor(x / 3) + Math.floor(y / 2)) % 2 === 0,
  (x, y) => ((x * y) % 2) + ((x * y) % 3) === 0,
  (x, y) => (((x * y) % 2) + ((x * y) % 3)) % 2 === 0,
  (x, y) => (((x + y) % 2) + ((x * y) % 3)) % 2 === 0,
]

/** Modules and which of them belong to the frame (finders, timing, format and so on) and not to the data. */
interface Grid {
  readonly size: number
  readonly dark: Uint8Array
  readonly fixed: Uint8Array
}

/** Null when there is more than a QR code of level M can hold (2,331 bytes). */
export function encodeQr(data: Uint8Array): QrCode | null {
  const version = smallestVersion(data.length)
  if (version === null) return null
  const frame = drawFrame(version)
  fillData(frame, interleave(codewordsOf(data, version), version))
  const candidates = masks.map((_, mask) => masked(frame, mask))
  const best = candidates.reduce((a, b) => (penaltyOf(b) < penaltyOf(a) ? b : a))
  return { size: best.size, isDark: (x, y) => best.dark[y * best.size + x] === 1 }
}

const lengthBits = (version: number): number => (version < 10 ? 8 : 16)
const sizeOf = (version: number): number => 17 + 4 * version
const correctionSize = (version: number): number => correctionSizes[version - 1] ?? 0
const blockCount = (version: number): number => blockCounts[version - 1] ?? 0

/** Modules that are left for codewords, in whole bytes: all but finders, timing, alignment, format and version. */
function codewordCount(version: number): number {
  const perSide = version === 1 ? 0 : Math.floor(version / 7) + 2
  const alignment = perSide === 0 ? 0 : (25 * perSide - 10) * perSide - 55
  return Math.floor(((16 * version + 128) * version + 64 - alignment - (version < 7 ? 0 : 36)) / 8)
}

const dataSize = (version: number): number => codewordCount(version) - correctionSize(version) * blockCount(version)

function smallestVersion(length: number): number | null {
  for (let version = 1; version <= versionMax; version++) {
    if (4 + lengthBits(version) + 8 * length <= 8 * dataSize(version)) return version
  }
  return null
}

/** Mode, length and data, filled up to the size of the version (section 7.4). */
function codewordsOf(data: Uint8Array, version: number): Uint8Array {
  const bits: number[] = []
  const push = (value: number, count: number): void => {
    for (let i = count - 1; i >= 0; i--) bits.push((value >> i) & 1)
  }
  push(byteMode, 4)
  push(data.length, lengthBits(version))
  for (const byte of data) push(byte, 8)
  const capacity = dataSize(version) * 8
  push(0, Math.min(4, capacity - bits.length))
  push(0, (8 - (bits.length % 8)) % 8)
  for (let pad = 0xec; bits.length < capacity; pad ^= 0xec ^ 0x11) push(pad, 8)
  return Uint8Array.from({ length: bits.length / 8 }, (_, i) => bits.slice(i * 8, i * 8 + 8).reduce((byte, bit) => (byte << 1) | bit, 0))
}

/** Blocks with their correction, taken in turns (section 7.6). The last blocks may have a codeword of data more than the first. */
function interleave(data: Uint8Array, version: number): Uint8Array {
  const count = blockCount(version)
  const short = Math.floor(data.length / count)
  const longer = data.length % count
  const blocks: Uint8Array[] = []
  for (let i = 0, at = 0; i < count; i++) {
    const length = short + (i >= count - longer ? 1 : 0)
    blocks.push(data.subarray(at, at + length))
    at += length
  }
  const corrections = blocks.map((block) => correctionOf(block, correctionSize(version)))
  const turns = (parts: readonly Uint8Array[], length: number): number[] =>
    Array.from({ length }, (_, i) => parts.flatMap((part) => (i < part.length ? [part[i] ?? 0] : []))).flat()
  return Uint8Array.from([...turns(blocks, short + 1), ...turns(corrections, correctionSize(version))])
}

function set(grid: Grid, x: number, y: number, dark: boolean): void {
  if (x < 0 || y < 0 || x >= grid.size || y >= grid.size) return
  grid.dark[y * grid.size + x] = dark ? 1 : 0
  grid.fixed[y * grid.size + x] = 1
}

function drawFrame(version: number): Grid {
  const size = sizeOf(version)
  const grid: Grid = { size, dark: new Uint8Array(size * size), fixed: new Uint8Array(size * size) }
  for (let i = 0; i < size; i++) {
    set(grid, 6, i, i % 2 === 0)
    set(grid, i, 6, i % 2 === 0)
  }
  drawAlignment(grid, version)
  for (const [x, y] of [[3, 3], [size - 4, 3], [3, size - 4]] as const) drawRings(grid, x, y, 4, (ring) => ring !== 2 && ring !== 4)
  drawFormat(grid, 0)
  if (version >= 7) drawVersion(grid, version)
  return grid
}

/** Squares around a centre, each as dark as its distance says. */
function drawRings(grid: Grid, x: number, y: number, outermost: number, isDark: (ring: number) => boolean): void {
  for (let dy = -outermost; dy <= outermost; dy++) {
    for (let dx = -outermost; dx <= outermost; dx++) set(grid, x + dx, y + dy, isDark(Math.max(Math.abs(dx), Math.abs(dy))))
  }
}

function drawAlignment(grid: Grid, version: number): void {
  const centres = alignmentCentres(version)
  const [first, last] = [centres[0], centres.at(-1)]
  for (const x of centres) {
    for (const y of centres) {
      const isFinder = (x === first && y === first) || (x === first && y === last) || (x === last && y === first)
      if (!isFinder) drawRings(grid, x, y, 2, (ring) => ring !== 1)
    }
  }
}

/** Annex E: the first at 6, the last at size - 7, the rest at equal even distances from the end. */
function alignmentCentres(version: number): number[] {
  if (version === 1) return []
  const count = Math.floor(version / 7) + 2
  const step = Math.floor((version * 8 + count * 3 + 5) / (count * 4 - 4)) * 2
  return [6, ...Array.from({ length: count - 1 }, (_, i) => sizeOf(version) - 7 - (count - 2 - i) * step)]
}

/** The remainder of `value` as a polynomial over GF(2), shifted by the degree of `divisor`. */
function remainderOf(value: number, divisor: number, degree: number): number {
  let rest = value
  for (let i = 0; i < degree; i++) rest = (rest << 1) ^ ((rest >> (degree - 1)) & 1 ? divisor : 0)
  return rest
}

/** Level M (00) and the mask, in two places (section 7.9). */
function drawFormat(grid: Grid, mask: number): void {
  const bits = ((mask << 10) | remainderOf(mask, 0x537, 10)) ^ 0x5412
  const bit = (i: number): boolean => ((bits >> i) & 1) === 1
  const { size } = grid
  const last = (i: number): number => (i < 6 ? i : i + 1)
  for (let i = 0; i < 8; i++) {
    set(grid, 8, last(i), bit(i))
    set(grid, size - 1 - i, 8, bit(i))
  }
  for (let i = 8; i < 15; i++) {
    set(grid, i === 8 ? 7 : 14 - i, 8, bit(i))
    set(grid, 8, size - 15 + i, bit(i))
  }
  set(grid, 8, size - 8, true)
}

/** Section 7.10. */
function drawVersion(grid: Grid, version: number): void {
  const bits = (version << 12) | remainderOf(version, 0x1f25, 12)
  for (let i = 0; i < 18; i++) {
    const [far, near] = [grid.size - 11 + (i % 3), Math.floor(i / 3)]
    const dark = ((bits >> i) & 1) === 1
    set(grid, far, near, dark)
    set(grid, near, far, dark)
  }
}

/** In columns of two from the right, up and down in turns, around the frame and the vertical timing line (section 7.7.3). */
function fillData(grid: Grid, codewords: Uint8Array): void {
  const { size, dark, fixed } = grid
  let bit = 0
  for (let right = size - 1, upwards = true; right >= 1; right -= 2, upwards = !upwards) {
    if (right === 6) right = 5
    for (let step = 0; step < size; step++) {
      const y = upwards ? size - 1 - step : step
      for (const x of [right, right - 1]) {
        if (fixed[y * size + x] === 1) continue
        dark[y * size + x] = ((codewords[bit >> 3] ?? 0) >> (7 - (bit & 7))) & 1
        bit++
      }
    }
  }
}

function masked(frame: Grid, mask: number): Grid {
  const { size, fixed } = frame
  const isFlipped = masks[mask] ?? (() => false)
  const dark = frame.dark.map((value, at) => (fixed[at] === 0 && isFlipped(at % size, Math.floor(at / size)) ? 1 - value : value))
  const grid: Grid = { size, dark, fixed }
  drawFormat(grid, mask)
  return grid
}

/** Section 7.8.3: runs, blocks, what looks like a finder, and how far from half is dark. */
function penaltyOf({ size, dark }: Grid): number {
  let penalty = 0
  for (let i = 0; i < size; i++) {
    const row = dark.subarray(i * size, (i + 1) * size).join('')
    const column = Array.from({ length: size }, (_, y) => dark[y * size + i]).join('')
    penalty += linePenalty(row) + linePenalty(column)
  }
  for (let at = 0; at < size * (size - 1); at++) {
    if (at % size === size - 1) continue
    const sum = (dark[at] ?? 0) + (dark[at + 1] ?? 0) + (dark[at + size] ?? 0) + (dark[at + size + 1] ?? 0)
    if (sum === 0 || sum === 4) penalty += 3
  }
  const share = (dark.reduce((sum, value) => sum + value, 0) * 100) / (size * size)
  return penalty + 10 * Math.floor(Math.abs(share - 50) / 5)
}

function linePenalty(line: string): number {
  let penalty = 0
  for (const [run] of line.matchAll(/0{5,}|1{5,}/g)) penalty += run.length - 2
  for (const pattern of ['10111010000', '00001011101']) {
    for (let at = line.indexOf(pattern); at >= 0; at = line.indexOf(pattern, at + 1)) penalty += 40
  }
  return penalty
}
