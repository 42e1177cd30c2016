/** One canonical form of a path, whatever its spelling. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assert as check, array, constantFrom, nat, property, string, stringMatching, tuple } from 'fast-check'
import { ApiError } from '../kit/errors.ts'
import { parseNamespace, parsePath, pathBytesMax, unescapePercent } from './path.ts'

/** The canonical path, or the text of the refusal. Anything thrown but a 4xx fails the test. */
function outcome(encoded: string): { path: string } | { refused: string } {
  try {
    return { path: parsePath(encoded) }
  } catch (error) {
    assert.ok(error instanceof ApiError && error.status === 400, `${encoded}: ${String(error)}`)
    return { refused: error.message }
  }
}

const refused = (encoded: string): string => {
  const result = outcome(encoded)
  assert.ok('refused' in result, `${encoded} was taken as ${JSON.stringify(result)}`)
  return result.refused
}

test('percent-encoding is undone once', () => {
  const spellings = [
    ['secret/data/a', 'secret/data/a'],
    ['secret%2Fdata%2fa', 'secret/data/a'],
    ['%73ecret/d%61ta/a', 'secret/data/a'],
    ['a%252Fb', 'a%2Fb'],
    ['q%3Fx', 'q?x'],
    ['p+q', 'p+q'],
    ['p%2Bq', 'p+q'],
    ['100%25', '100%'],
    ['sp%20ace/', 'sp ace/'],
    ['%E6%97%A5%e6%9c%ac', '日本'],
    [Buffer.from('日本').toString('latin1'), '日本'],
    ['a%23b', 'a#b'],
    ['~!$&\'()*,;=:@-._|^`"<>[]{}\\', '~!$&\'()*,;=:@-._|^`"<>[]{}\\'],
    ['', ''],
  ]
  for (const [encoded = '', path] of spellings) assert.deepEqual(outcome(encoded), { path }, encoded)
})

test('double slashes inside a path are kept, in front of it they are dropped', () => {
  assert.deepEqual(outcome('secret/http://x'), { path: 'secret/http://x' })
  assert.deepEqual(outcome('secret%2F%2Fx//'), { path: 'secret//x//' })
  assert.deepEqual(outcome('//secret/x'), { path: 'secret/x' })
  assert.deepEqual(outcome('%2F/secret/x'), { path: 'secret/x' })
  assert.deepEqual(outcome('/'), { path: '' })
})

test('dots are refused where they are a segment, and are letters elsewhere', () => {
  for (const path of ['..', '../a', 'a/..', 'a/../b', '%2e%2e', 'a/%2E./b', 'a/.%2e', 'a%2F..%2Fb', '/..', 'a//../b', '//..//', '..%2f'])
    assert.equal(refused(path), 'path cannot contain parent references', path)
  for (const path of ['.', './a', 'a/.', 'a/./b', '%2e', 'a/%2E/b', 'a%2F.%2Fb'])
    assert.equal(refused(path), "path cannot contain '.' segments", path)
  for (const path of ['...', 'a..b', '..a', 'a..', '.hidden', 'a/...', '%252e%252e/a']) assert.ok('path' in outcome(path), path)
})

test('what has no clear meaning is refused with its reason', () => {
  for (const path of ['%', 'a%', 'a%2', '%zz', '%2g', '%u0041', '%+1', '% 41', '%%32%66'])
    assert.match(refused(path), /broken percent-encoding/, path)
  for (const path of ['%ff', '%c0%ae%c0%ae', '%c0%af', '%e6%97', '%ed%a0%80', '%f4%90%80%80', '%80', '\xff'])
    assert.match(refused(path), /not valid UTF-8/, path)
  const unprintable = [
    '%00',
    'a%00b',
    '%0a',
    '%0d%0a',
    '%09',
    '%1b',
    '%7f',
    '%c2%80',
    '%c2%a0',
    '%e2%80%8b',
    '%e2%80%ae',
    '%e2%80%a8',
    '%ef%bb%bf',
    '%ee%80%80',
  ]
  for (const path of unprintable) assert.match(refused(path), /not printable/, path)
  assert.match(refused('a#b'), /'#'/)
})

test('a path is refused above its length in bytes', () => {
  assert.ok('path' in outcome('a'.repeat(pathBytesMax)))
  assert.match(refused('a'.repeat(pathBytesMax + 1)), /longer than 4096 bytes/)
  assert.match(refused('%C3%A9'.repeat(pathBytesMax / 2 + 1)), /longer/)
  assert.ok('path' in outcome('%C3%A9'.repeat(pathBytesMax / 2)))
})

// CVE-2026-3605 and its kin: a policy is about the canonical form only, so no spelling may lead to a second form of the same thing.
test('fifty and more encodings of a path lead to that path or are refused', () => {
  const path = 'secret/data/team/key'
  const each = [...path]
  const spellings = [
    ...each.map((_, i) => each.map((letter, k) => (k === i ? hex(letter) : letter)).join('')),
    ...each.map((_, i) => each.map((letter, k) => (k === i ? hex(letter).toUpperCase() : letter)).join('')),
    each.map((letter) => hex(letter)).join(''),
    each.map((letter) => `%25${hex(letter).slice(1)}`).join(''),
    ...['/', '//', './', '/./', 'x/../', '%2e/', '%2e%2e/', '%2f', '%5c..%5c', '..;/', '.%00/', ' ', '%20', '%0a'].flatMap((extra) => [
      `${extra}${path}`,
      `secret/${extra}data/team/key`,
      `${path}/${extra}`,
    ]),
  ]
  assert.ok(spellings.length >= 50)
  for (const spelling of spellings) {
    const result = outcome(spelling)
    if ('path' in result) assertCanonical(result.path, spelling)
  }
  for (const spelling of spellings.slice(0, 2 * each.length + 1)) assert.deepEqual(outcome(spelling), { path }, spelling)
})

const hex = (letter: string): string => `%${letter.charCodeAt(0).toString(16).padStart(2, '0')}`

/** A canonical path stands for itself: encoding it once in any way and reading it again changes nothing. */
function assertCanonical(path: string, spelling: string): void {
  assert.deepEqual(outcome(encodeURI(path).replaceAll('#', '%23').replaceAll('?', '%3F')), { path }, spelling)
  assert.deepEqual(outcome(encodeURIComponent(path)), { path }, spelling)
  assert.ok(!path.startsWith('/') && !/(?:^|\/)\.\.?(?:\/|$)/.test(path) && !/[\p{C}]/u.test(path), spelling)
}

test('whatever arrives is refused or canonical, and every spelling of a path is that path', () => {
  const piece = constantFrom(
    'a',
    'b',
    '/',
    '//',
    '.',
    '..',
    '%2e',
    '%2f',
    '%2F',
    '%25',
    '%',
    '%00',
    '%c0%ae',
    '%e6%97%a5',
    '\xe6\x97\xa5',
    '+',
    '%2b',
    ' ',
    ';',
    '\\',
    '#',
  )
  check(
    property(array(piece, { maxLength: 12 }), (pieces) => {
      const result = outcome(pieces.join(''))
      if ('path' in result) assertCanonical(result.path, pieces.join(''))
    }),
    { seed: 5, numRuns: 20_000 },
  )
  check(
    property(stringMatching(/^[a-z0-9._~-]{1,8}(\/[a-z0-9._~-]{1,8}){0,3}$/), array(tuple(nat(30), nat(1))), (path, changes) => {
      const letters = [...path]
      for (const [at, upper] of changes) {
        const letter = letters[at]
        if (letter !== undefined && letter.length === 1) letters[at] = upper ? hex(letter).toUpperCase() : hex(letter)
      }
      assert.deepEqual(outcome(letters.join('')), outcome(path))
    }),
    { seed: 6, numRuns: 5000 },
  )
  check(
    property(string({ unit: 'binary', maxLength: 40 }), (text) => void outcome(Buffer.from(text).toString('latin1'))),
    { seed: 8, numRuns: 5000 },
  )
})

test('a namespace has one form too', () => {
  for (const [header, namespace] of [
    ['', ''],
    ['/', ''],
    ['a', 'a/'],
    ['/a/b/', 'a/b/'],
    ['a/b', 'a/b/'],
    ['root', 'root/'],
    ['\xe6\x97\xa5', '日/'],
  ] as const)
    assert.equal(parseNamespace(header), namespace)
  for (const header of ['..', 'a/../b', './a', 'a//b', 'a\u0000', '\xff', 'a/\u007f', 'x'.repeat(pathBytesMax + 1)])
    assert.throws(() => parseNamespace(header), { code: 'bad_request' }, header)
})

test('percent-encoding is read byte by byte', () => {
  assert.deepEqual([...(unescapePercent('a%Ff%00\xfe') ?? [])], [97, 255, 0, 254])
  assert.equal(unescapePercent('%4'), null)
})
