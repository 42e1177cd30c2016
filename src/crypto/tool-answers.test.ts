/** Hashes of inputs of many megabytes: the same as of small ones, in turns. */
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { turnsDuring } from '../kit/testing-turns.ts'
import { hashAnswer } from './tool-answers.ts'

test('a long input is hashed in turns, with and without line ends, and comes to the same', async () => {
  const input = randomBytes(5_000_000)
  const sum = createHash('sha3-256').update(input).digest('hex')
  const given = input.toString('base64')
  const { made, turns } = await turnsDuring(async () => hashAnswer(given, 'sha3-256', 'hex'))
  assert.deepEqual(made, { sum })
  assert.ok(turns >= 6, `${turns} turns`)
  assert.deepEqual(await hashAnswer(given.replaceAll(/.{76}/g, '$&\n'), 'sha3-256', 'hex'), { sum })
  assert.deepEqual(await hashAnswer(input.subarray(0, 100).toString('base64'), 'sha2-256', 'base64'), { sum: createHash('sha256').update(input.subarray(0, 100)).digest('base64') })
})

test('a mistake in a long input is refused with its place, also where a part of it would be base64', async () => {
  const group = 'QUJD'.repeat(262_144)
  for (const [given, place] of [[`${group}QUJ`, 1_048_576], [`${group.slice(4)}QUI=${group}`, 1_048_575], [`${group}QU!D${group}`, 1_048_578]] as const)
    await assert.rejects(async () => hashAnswer(given, 'sha2-256', 'hex'), { message: `unable to decode input as base64: illegal base64 data at input byte ${place}` })
  assert.throws(() => hashAnswer(`${group}QUJD`, 'md5', 'hex'), /unsupported algorithm/)
})
