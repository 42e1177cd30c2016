import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EncryptionMeter } from './meter.ts'

test('no encryption is used that has not been counted durably before', async () => {
  let counted = 0
  let used = 0
  const meter = new EncryptionMeter(async (count) => {
    await Promise.resolve()
    counted += count
  })
  for (let round = 0; round < 5_000; round += 1) {
    await meter.ready(3)
    for (let index = 0; index < 3; index += 1) {
      meter.take()
      used += 1
    }
    assert.ok(used <= counted)
    assert.ok(meter.left <= counted - used)
  }
})

test('a commit of more writes than a block has encryptions waits for several blocks', async () => {
  const meter = new EncryptionMeter(async () => {})
  await meter.ready(100_000)
  assert.ok(meter.left >= 100_000)
})

test('while reservations fail, what is counted may be used up, and then nothing is sealed any more', async () => {
  let isBroken = false
  const meter = new EncryptionMeter(async () => {
    if (isBroken) throw new Error('disk full')
  })
  await meter.ready(1)
  isBroken = true
  await assert.rejects(async () => {
    for (;;) {
      await meter.ready(1)
      meter.take()
    }
  }, { message: 'disk full' })
  assert.throws(() => {
    for (;;) meter.take()
  }, { code: 'internal' })
})

test('reservations grow, so that a busy process makes few of them', async () => {
  let reservations = 0
  const meter = new EncryptionMeter(async () => void (reservations += 1))
  for (let index = 0; index < 1_000_000; index += 1) {
    const waiting = meter.ready(1)
    if (waiting !== null) await waiting
    meter.take()
  }
  assert.ok(reservations < 20, String(reservations))
})
