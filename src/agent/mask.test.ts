import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Mask, maskable } from './mask.ts'

/** What comes out of pieces, each written when the one before has been passed on; `early` is what was seen before the end. */
function passed(pieces: readonly Buffer[], secrets: readonly string[]): { readonly early: string; readonly all: string } {
  const wanted = maskable(secrets)
  const mask = new Mask(() => wanted)
  const read = (): string => ((mask.read() as Buffer | null) ?? Buffer.alloc(0)).toString('latin1')
  let early = ''
  for (const piece of pieces) {
    mask.write(piece)
    early += read()
  }
  mask.end()
  return { early, all: early + read() }
}

const inPieces = (text: string, size: number): Buffer[] => Array.from({ length: Math.ceil(text.length / size) }, (_, i) => Buffer.from(text.slice(i * size, (i + 1) * size)))

test('a secret is hidden wherever the pieces are cut', () => {
  const text = 'user=shop password=s3cret! and again s3cret!s3cret!\n'
  for (let size = 1; size <= text.length; size++) {
    assert.equal(passed(inPieces(text, size), ['s3cret!', 'shop']).all, 'user=******** password=******** and again ****************\n')
  }
})

test('of several at one place the longest is hidden, and one that begins earlier before one inside of it', () => {
  for (let size = 1; size <= 12; size++) {
    assert.equal(passed(inPieces('<abcdefgh>', size), ['abcd', 'abcdefgh', 'cdef']).all, '<********>')
    assert.equal(passed(inPieces('<abcdxcdef>', size), ['abcdefgh', 'cdef']).all, '<abcdx********>')
  }
})

test('what cannot be the beginning of a secret is shown at once, the rest at the end', () => {
  assert.equal(passed([Buffer.from('Password: ')], ['s3cret!']).early, 'Password: ')
  assert.deepEqual(passed([Buffer.from('ends with s3c')], ['s3cret!']), { early: 'ends with ', all: 'ends with s3c' })
})

test('bytes that are no text are passed on as they are', () => {
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i))
  assert.equal(passed([bytes.subarray(0, 100), bytes.subarray(100)], ['s3cret!']).all, bytes.toString('latin1'))
})

test('short values are left, and line ends after a secret do not count', () => {
  assert.equal(passed([Buffer.from('abc line one\n')], ['abc', 'line one\n']).all, 'abc ********\n')
  assert.deepEqual(maskable(['', 'abc', ' \n']), [])
})

test('a secret that occurs a hundred thousand times does not hang the others', () => {
  const started = process.cpuUsage()
  passed([Buffer.from('aaaa'.repeat(100_000))], ['aaaa', 'never there', 'nor this one', 'aaab'])
  const { user, system } = process.cpuUsage(started)
  assert.ok(user + system < 5_000_000, `${user + system} µs`)
})
