import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { FallbackError, keepFallback, readFallback, type FallbackPlace } from './fallback.ts'

const now = Date.UTC(2026, 0, 1)
const hour = 3_600_000
const variables = { DB_PASSWORD: 's3cret of the shop' }

function inFolder(body: (place: FallbackPlace) => void): () => void {
  return () => {
    const folder = mkdtempSync(join(tmpdir(), 'coffer-fallback-'))
    try {
      body({ file: join(folder, 'kept'), keyFile: join(folder, 'own', 'key'), purpose: 'a server and a secret' })
    } finally {
      rmSync(folder, { recursive: true })
    }
  }
}

const refuses = (place: FallbackPlace, message: RegExp, at = now): void => assert.throws(() => readFallback(place, hour, at), (error) => error instanceof FallbackError && message.test(error.message))

test('what was kept is read again, for as long as it may be', inFolder((place) => {
  keepFallback(place, variables, now)
  assert.deepEqual(readFallback(place, hour, now + hour), { at: now, variables })
  refuses(place, /older than it may be/, now + hour + 1)
  refuses(place, /has not come yet/, now - hour)
}))

test('neither file can be read by others, and the secret stands in neither', inFolder((place) => {
  keepFallback(place, variables, now)
  for (const file of [place.file, place.keyFile]) assert.equal(statSync(file).mode & 0o777, 0o600)
  const text = readFileSync(place.file, 'utf8')
  for (const form of [text, Buffer.from(text, 'base64').toString('latin1')]) assert.doesNotMatch(form, /s3cret|DB_PASSWORD/)
  const before = text
  keepFallback(place, variables, now)
  assert.notEqual(readFileSync(place.file, 'utf8'), before, 'each has a salt of its own')
}))

test('it is read for the same purpose and with the same key only', inFolder((place) => {
  keepFallback(place, variables, now)
  refuses({ ...place, purpose: 'another secret' }, /not written here for the same/)
  refuses({ ...place, keyFile: `${place.keyFile}.none` }, /needs its key/)
  writeFileSync(place.keyFile, Buffer.alloc(32, 7))
  refuses(place, /not written here for the same/)
  writeFileSync(place.keyFile, Buffer.alloc(31, 7))
  refuses(place, /not 32 bytes/)
  chmodSync(place.keyFile, 0o640)
  refuses(place, /others may read/)
}))

test('any byte that is changed or missing is noticed', inFolder((place) => {
  keepFallback(place, variables, now)
  const whole = Buffer.from(readFileSync(place.file, 'utf8'), 'base64')
  for (let at = 0; at < whole.length; at++) {
    const changed = Buffer.from(whole)
    changed[at] = (changed[at] ?? 0) ^ 1
    writeFileSync(place.file, changed.toString('base64'))
    refuses(place, /no such file|not written here/)
    writeFileSync(place.file, whole.subarray(0, at).toString('base64'))
    refuses(place, /no such file|not written here/)
  }
  rmSync(place.file)
  refuses(place, /cannot be read: ENOENT/)
}))
