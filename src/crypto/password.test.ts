/** Passwords are kept so that guessing costs time and memory, and answers the same whether or not there is such a user. */
import assert from 'node:assert/strict'
import { scryptSync } from 'node:crypto'
import { test } from 'node:test'
import { hashPassword, isPassword, passwordLengthMax } from './password.ts'

test('the right password is the right one, and no other', async () => {
  const hash = await hashPassword('correct horse')
  assert.equal(await isPassword('correct horse', hash), true)
  for (const other of ['', 'correct hors', 'Correct horse', 'correct horse ', 'correct\0horse']) assert.equal(await isPassword(other, hash), false, other)
})

test('the text holds the parameters, a salt of its own and the hash (scrypt, RFC 7914), and not the password', async () => {
  const [one, two] = [await hashPassword('pässwörd'), await hashPassword('pässwörd')]
  assert.notEqual(one, two)
  const found = /^\$scrypt\$ln=(\d+),r=(\d+),p=(\d+)\$([^$]+)\$([^$]+)$/.exec(one)
  const [, ln, r, p, salt = '', hash] = found ?? []
  const [N, size] = [2 ** Number(ln), Number(r)]
  assert.ok(N * size * 128 >= 32 * 1024 * 1024, 'at least 32 MiB')
  assert.ok(Buffer.from(salt, 'base64').length >= 16)
  const again = scryptSync('pässwörd', Buffer.from(salt, 'base64'), 32, { N, r: size, p: Number(p), maxmem: 2 ** 28 })
  assert.equal(hash, again.toString('base64'))
})

test('hashes with other parameters, of older or newer versions, are understood', async () => {
  const salt = Buffer.alloc(16, 7)
  const stored = `$scrypt$ln=10,r=8,p=2$${salt.toString('base64')}$${scryptSync('old', salt, 32, { N: 1024, r: 8, p: 2 }).toString('base64')}`
  assert.deepEqual([await isPassword('old', stored), await isPassword('new', stored)], [true, false])
})

test('a stored text of unknown form is a failure, not a wrong password', async () => {
  for (const stored of ['', '$2b$10$abcdefghijklmnopqrstuv', '$scrypt$ln=15$c2FsdA==$aGFzaA==']) await assert.rejects(isPassword('x', stored), /unknown form/)
})

test('CVE-2025-6011: nobody has no password, and finding that out takes as long as a wrong one does', async () => {
  const hash = await hashPassword('right')
  assert.equal(await isPassword('right', null), false)
  // Of the processor: how long others keep it says nothing.
  const time = async (stored: string | null): Promise<number> => {
    const start = process.cpuUsage()
    await isPassword('wrong', stored)
    const { user, system } = process.cpuUsage(start)
    return user + system
  }
  // The fastest of several, in turns: what else this process does can only add to it.
  const fastest = { known: Infinity, unknown: Infinity }
  for (let i = 0; i < 7; i++) {
    fastest.known = Math.min(fastest.known, await time(hash))
    fastest.unknown = Math.min(fastest.unknown, await time(null))
  }
  const ratio = fastest.unknown / fastest.known
  assert.ok(ratio > 0.5 && ratio < 2, `an unknown user takes ${ratio.toFixed(2)} times as long`)
})

test('a flood waits in a bounded queue, and what is beyond that is refused at once', async () => {
  const cheap = `$scrypt$ln=6,r=8,p=1$${Buffer.alloc(16).toString('base64')}$${Buffer.alloc(32).toString('base64')}`
  const results = await Promise.allSettled(Array.from({ length: 1_100 }, () => isPassword('x', cheap)))
  const reasons = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as { code?: string }] : []))
  assert.ok(reasons.length > 0 && reasons.length <= 100, `${reasons.length} refused`)
  assert.ok(reasons.every(({ code }) => code === 'overloaded'))
  assert.equal(await isPassword('x', cheap), false)
})

test('the longest password works', async () => {
  const longest = 'x'.repeat(passwordLengthMax)
  assert.equal(await isPassword(longest, await hashPassword(longest)), true)
})
