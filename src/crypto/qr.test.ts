/** QR codes as a reader of others reads them. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { inflateSync } from 'node:zlib'
import { missingProgram } from '../../compat/clients/shell.ts'
import { encodePng } from './png.ts'
import { encodeQr, type QrCode } from './qr.ts'

const skip = missingProgram(['zbarimg', '--version'])
const scale = 3

function picture({ size, isDark }: QrCode): Buffer {
  const module = (pixel: number): number => Math.floor(pixel / scale) - 4
  const isInside = (at: number): boolean => at >= 0 && at < size
  return encodePng((size + 8) * scale, (x, y) => isInside(module(x)) && isInside(module(y)) && isDark(module(x), module(y)))
}

/** ISO/IEC 18004, table 7: bytes that each version holds at level M. */
const capacities = [
  14, 26, 42, 62, 84, 106, 122, 152, 180, 213, 251, 287, 331, 362, 412, 450, 504, 560, 624, 666, 711, 779, 857, 911, 997, 1059, 1125, 1190, 1264, 1370,
  1452, 1538, 1628, 1722, 1809, 1911, 1989, 2099, 2213, 2331,
]

test('every version, filled to its end, is read by zbar', { skip }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'coffer-qr-'))
  try {
    const texts = capacities.map((length) => Array.from({ length }, (_, i) => String.fromCharCode(33 + ((i * 31 + length) % 90))).join(''))
    const files = texts.map((text, i) => {
      const code = encodeQr(Buffer.from(text))
      assert.equal(code?.size, 21 + 4 * i)
      const file = join(folder, `${i}.png`)
      writeFileSync(file, picture(code))
      return file
    })
    const read = spawnSync('zbarimg', ['--quiet', '--raw', '-Sdisable', '-Sqrcode.enable', ...files], { encoding: 'utf8' })
    assert.deepEqual(read.stdout.trimEnd().split('\n'), texts)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('a code takes 2,331 bytes and no more', () => {
  assert.equal(encodeQr(Buffer.alloc(2331))?.size, 177)
  assert.equal(encodeQr(Buffer.alloc(2332)), null)
})

test('a picture has one bit for each pixel, dark ones 0, and rows in whole bytes', () => {
  const png = encodePng(9, (x, y) => x === y)
  assert.equal(png.subarray(0, 8).toString('latin1'), '\x89PNG\r\n\x1a\n')
  const data = png.indexOf('IDAT')
  const rows = inflateSync(png.subarray(data + 4, data + 4 + png.readUInt32BE(data - 4)))
  assert.equal(rows.length, 9 * 3)
  assert.deepEqual([...rows.subarray(0, 6)], [0, 0b0111_1111, 0x80, 0, 0b1011_1111, 0x80])
  assert.deepEqual([...rows.subarray(24)], [0, 0xff, 0])
})
