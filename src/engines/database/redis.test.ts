/** The contract over Redis, and what is its own: the protocol. */
import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { databaseContract } from '../../request/testing/database-contract.ts'
import { RespClient } from './drivers/resp.ts'
import { startRedis } from './testing/redis.ts'

databaseContract('Redis', startRedis)

/** Somebody who says `answer`, in pieces, to whatever is asked. */
async function saying<T>(answer: readonly string[], work: (client: RespClient) => Promise<T>): Promise<T> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.once('data', () => {
      const rest = [...answer]
      const next = (): void => {
        const piece = rest.shift()
        if (piece !== undefined) socket.write(piece, () => setImmediate(next))
      }
      next()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const client = await RespClient.open({ host: '127.0.0.1', port: (server.address() as { port: number }).port, tls: null }, AbortSignal.timeout(5_000))
  try {
    return await work(client)
  } finally {
    client.close()
    await new Promise((resolve) => server.close(resolve))
  }
}

test('answers of every kind are read, in whatever pieces they come', async () => {
  const read = (pieces: readonly string[]): Promise<unknown> => saying(pieces, (client) => client.command('X'))
  assert.equal(await read(['+O', 'K\r', '\n']), 'OK')
  assert.equal(await read([':42\r\n']), 42)
  assert.equal(await read(['$-1\r\n']), null)
  assert.equal(await read(['$5\r\nab', '\r\nc\r', '\n']), 'ab\r\nc')
  assert.deepEqual(await read(['*3\r\n$1\r\na\r\n*1\r\n', ':1\r\n', '-ERR x\r\n']), ['a', [1], 'ERR x'])
  await assert.rejects(read(['-ERR no\r\n']), { name: 'RespError', message: 'ERR no' })
})

test('whoever speaks otherwise is hung up on', async () => {
  const nested = '*1\r\n'.repeat(20)
  for (const answer of ['HTTP/1.1 400\r\n', '$x\r\n', '$99999999\r\n', nested, `+${'x'.repeat(5 * 1024 * 1024)}`]) {
    await saying([answer], async (client) => {
      await assert.rejects(client.command('X'))
      assert.equal(client.isOpen, false)
      await assert.rejects(client.command('X'), /closed/)
    })
  }
})
