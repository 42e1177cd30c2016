/** The parts of a server with several workers: what goes between processes, when one is started again, how many there are. */
import assert from 'node:assert/strict'
import { KeyObject, generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { ApiError, badRequest } from '../../kit/errors.ts'
import { workersOf } from './count.ts'
import { Link } from './link.ts'
import { packed, unpacked } from './packing.ts'
import { Restarts } from './staff.ts'

type Asked = { readonly double: readonly [number, number]; readonly note: readonly [string, null] }

/** Two ends; what one sends the other gets, as often as it was sent. */
function linked(answer: (n: number) => Promise<number>): { readonly asking: Link<Asked, Asked>; readonly sent: object[]; readonly notes: string[] } {
  const [sent, notes]: [object[], string[]] = [[], []]
  const refuse = { double: () => Promise.reject(new Error('nobody asks here')), note: () => null }
  const asking: Link<Asked, Asked> = new Link<Asked, Asked>((message) => {
    sent.push(message)
    answering.receive(structuredClone(message))
  }, refuse)
  const answering: Link<Asked, Asked> = new Link<Asked, Asked>((message) => asking.receive(structuredClone(message)), {
    double: answer,
    note: (text) => {
      notes.push(text)
      return null
    },
  })
  return { asking, sent, notes }
}

test('what is asked in one turn goes in one message, and each question gets its own answer', async () => {
  const { asking, sent, notes } = linked(async (n) => 2 * n)
  asking.tell('note', 'first')
  assert.deepEqual(await Promise.all([1, 2, 3].map((n) => asking.ask('double', n))), [2, 4, 6])
  assert.deepEqual([sent.length, notes], [1, ['first']])
})

test('a key that is answered is overwritten once it is sent, and not before, whatever else is sent meanwhile', async () => {
  const key = Buffer.alloc(32, 7)
  const answers: Buffer[] = []
  type Keys = { readonly key: readonly [null, Buffer]; readonly note: readonly [null, null] }
  const notHere = { key: () => Promise.reject(new Error('nobody asks here')), note: () => null }
  const asking: Link<Keys, Keys> = new Link<Keys, Keys>((message) => answering.receive(structuredClone(message)), notHere)
  const answering: Link<Keys, Keys> = new Link<Keys, Keys>((message) => asking.receive(structuredClone(message)), {
    key: async () => {
      // Sent in between, at once.
      queueMicrotask(() => {
        answering.tell('note', null)
        answering.flush()
      })
      return key
    },
    note: () => null,
  })
  answers.push(await asking.ask('key', null))
  assert.deepEqual([Buffer.from(answers[0] ?? []), key], [Buffer.alloc(32, 7), Buffer.alloc(32)])
})

test('a refusal arrives as it was, a bug without its text', async () => {
  const { asking } = linked(async (n) => {
    throw n === 1 ? badRequest('too small', { data: { hint: 'more' } }) : new Error('a secret: s3cret')
  })
  await assert.rejects(asking.ask('double', 1), (error) => error instanceof ApiError && error.status === 400 && error.message === 'too small' && error.data?.['hint'] === 'more')
  await assert.rejects(asking.ask('double', 2), (error) => error instanceof ApiError && error.code === 'internal' && !`${error.message}${error.detail}`.includes('s3cret'))
})

test('when the other side is gone, whoever waits is told, and so is who asks then', async () => {
  const { asking } = linked(() => new Promise(() => undefined))
  const waiting = asking.ask('double', 1)
  asking.close()
  for (const asked of [waiting, asking.ask('double', 2)]) await assert.rejects(asked, (error) => error instanceof ApiError && error.status === 503)
})

test('public keys survive the way, private ones are refused', () => {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const given = [{ recipients: [{ fingerprint: 'ab', key: { key: publicKey, body: Buffer.from('b') } }], backup: false, none: null }]
  const [back] = unpacked(structuredClone(packed(given))) as typeof given
  assert.ok(back?.recipients[0]?.key.key instanceof KeyObject && back.recipients[0].key.key.equals(publicKey))
  assert.deepEqual([back.backup, back.none, Buffer.from(back.recipients[0].key.body)], [false, null, Buffer.from('b')])
  assert.throws(() => packed([privateKey]), /only public keys/)
})

test('a worker that ends is started again at once, then more and more slowly, and in the end not at all', () => {
  const restarts = new Restarts()
  const waits = Array.from({ length: 10 }, () => restarts.next('code 1', null))
  assert.deepEqual(waits, [0, 100, 200, 400, 800, 1_600, 2_000, 2_000, 2_000, null])
})

test('one that has served for a while is started at once, and who is killed from outside does not end the server', () => {
  const restarts = new Restarts()
  for (let i = 0; i < 9; i++) restarts.next('SIGSEGV', 50)
  assert.notEqual(restarts.next('SIGSEGV', 20_000), null)
  assert.equal(restarts.next('code 1', 20_000), 0)
  for (let i = 0; i < 100; i++) assert.notEqual(restarts.next('SIGKILL', 50), null)
})

test('auto is one worker for each core, at most eight; data in memory have one', () => {
  const lmdb = { type: 'lmdb', shownType: 'lmdb', folder: 'd' } as const
  assert.deepEqual([1, 2, 8, 64].map((cores) => workersOf({ workers: 'auto', storage: lmdb }, cores)), [1, 2, 8, 8])
  assert.equal(workersOf({ workers: 12, storage: lmdb }, 2), 12)
  assert.equal(workersOf({ workers: 12, storage: { type: 'inmem', shownType: 'inmem', folder: '' } }, 8), 1)
})
