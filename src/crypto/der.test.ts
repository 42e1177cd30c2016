import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bitString, boolean, generalizedTime, integer, isOid, namedBits, octetString, oid, sequence, setOf, time, unsigned, utf8 } from './der.ts'
import { bitNumbers, DerError, DerReader, integerBytes, oidText, readTime, readWhole, smallInteger } from './der-reader.ts'

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const bytes = (text: string): Buffer => Buffer.from(text, 'hex')

test('values are encoded as X.690 says', () => {
  const cases: readonly (readonly [Uint8Array, string])[] = [
    [integer(0), '020100'], [integer(127), '02017f'], [integer(128), '02020080'], [integer(256), '02020100'], [integer(1n << 64n), '0209010000000000000000'],
    [unsigned(bytes('0000ff')), '020200ff'], [unsigned(bytes('7f')), '02017f'], [unsigned(new Uint8Array()), '020100'],
    [boolean(true), '0101ff'], [boolean(false), '010100'], [oid('1.2.840.113549'), '06062a864886f70d'], [oid('2.5.29.17'), '0603551d11'], [oid('2.999.3'), '0603883703'],
    [namedBits([]), '030100'], [namedBits([0]), '03020780'], [namedBits([5, 6]), '03020106'], [namedBits([8]), '0303070080'],
    [bitString(bytes('aa')), '030200aa'], [utf8('é'), '0c02c3a9'], [setOf(integer(3), integer(1)), '3106020101020103'], [sequence(), '3000'],
    [octetString(Buffer.alloc(128)), `048180${'00'.repeat(128)}`], [octetString(Buffer.alloc(256)), `04820100${'00'.repeat(256)}`],
    [time(Date.UTC(2049, 11, 31, 23, 59, 59)), '170d3439313233313233353935395a'], [time(Date.UTC(2050, 0, 1)), '180f32303530303130313030303030305a'],
    [generalizedTime(Date.UTC(2026, 0, 2, 3, 4, 5, 999)), '180f32303236303130323033303430355a'], [time(Date.UTC(950, 9, 10, 11, 12, 13)), '180f30393530313031303131313231335a'],
  ]
  for (const [written, expected] of cases) assert.equal(hex(written), expected)
  for (const never of [Date.UTC(10_000, 0, 1), Date.UTC(-1, 0, 1), Number.NaN]) assert.throws(() => time(never), RangeError)
})

test('object identifiers have two arcs at least, with the bounds of X.660', () => {
  for (const good of ['0.39', '1.2.3', '2.999', '2.5.29.17', `1.3.${'9'.repeat(30)}`]) assert.equal(oidText(oid(good).subarray(2)), good)
  for (let i = 0; i < 400; i++) assert.equal(oidText(oid(`1.3.${i % 300}`).subarray(2)), `1.3.${i % 300}`)
  for (const bad of ['', '1', '3.1', '0.40', '1.40', '1.02', '1.-2', '1..2', 'a.b', `1.2${'.1'.repeat(300)}`, `1.3.${'9'.repeat(50)}`]) assert.equal(isOid(bad), false, bad)
  assert.throws(() => oid('1.40'), /no object identifier/)
})

test('what is not DER is a DerError: lengths, integers, times, leftovers', () => {
  const cases: readonly (() => unknown)[] = [
    () => new DerReader(bytes('')).next(), () => new DerReader(bytes('30')).next(), () => new DerReader(bytes('3002ff')).next(), () => new DerReader(bytes('3080')).next(),
    () => new DerReader(bytes('308101ff')).next(), () => new DerReader(bytes('30820001ff')).next(), () => new DerReader(bytes('3085000000000100')).next(), () => new DerReader(bytes('1f0100')).next(),
    () => readWhole(bytes('300000')), () => readWhole(bytes('3100')), () => integerBytes(new DerReader(bytes('0200'))), () => integerBytes(new DerReader(bytes('02020001'))),
    () => integerBytes(new DerReader(bytes('0202ff80'))), () => smallInteger(bytes('80')), () => smallInteger(bytes('0100000000')), () => oidText(bytes('')), () => oidText(bytes('80')),
    () => oidText(bytes('2a80')), () => oidText(Buffer.alloc(70, 1)), () => bitNumbers(bytes('08')), () => bitNumbers(bytes('01')), () => bitNumbers(bytes('')),
  ]
  for (const read of cases) assert.throws(read, DerError)
  for (const bad of ['230229000000Z', '2302010000Z', '230201000000', '231301000000Z', '230201240000Z', '23020100000ëZ']) {
    assert.throws(() => readTime({ tag: 0x17, content: Buffer.from(bad, 'latin1'), whole: Buffer.alloc(0) }), DerError, bad)
  }
})

test('times read as they were written', () => {
  for (const at of [Date.UTC(1950, 0, 1), Date.UTC(1999, 11, 31, 23, 59, 59), Date.UTC(2024, 1, 29), Date.UTC(2049, 11, 31), Date.UTC(2050, 0, 1), Date.UTC(9999, 11, 31)]) {
    assert.equal(readTime(new DerReader(time(at)).next()), at)
  }
})

test('bits and integers read as they were written', () => {
  for (const bits of [[], [0], [0, 2, 4], [8], [1, 7, 8]]) assert.deepEqual(bitNumbers(new DerReader(namedBits(bits)).next().content), bits)
  for (const value of [0, 1, 127, 128, 65_535, 2 ** 31 - 1]) assert.equal(smallInteger(integerBytes(new DerReader(integer(value)))), value)
})
