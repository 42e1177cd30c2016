/** How many connections a pool opens and keeps, and for how long. */
import assert from 'node:assert/strict'
import { test } from 'node:test'

import { limitsOf, type Limits } from './details.ts'
import type { Session } from './driver.ts'
import { Pool } from './pool.ts'

const limits: Limits = { openMax: 3, idleMax: 3, lifetimeSeconds: 0, connectSeconds: 5, operationSeconds: 5 }

/** A pool of sessions that count themselves; `most` is how many were open at once. */
function counted(changes: Partial<Limits>): { readonly pool: Pool; readonly seen: { opened: number; open: number; most: number } } {
  const seen = { opened: 0, open: 0, most: 0 }
  const nothing = (): Promise<void> => Promise.resolve()
  const openOne = (): Promise<Session> => {
    let isOpen = true
    seen.opened += 1
    seen.open += 1
    seen.most = Math.max(seen.most, seen.open)
    const close = (): void => {
      if (isOpen) seen.open -= 1
      isOpen = false
    }
    return Promise.resolve({ isOpen: () => isOpen, check: nothing, createUser: nothing, dropUser: nothing, setCredential: nothing, setExpiration: nothing, close })
  }
  return { pool: new Pool(openOne, { ...limits, ...changes }), seen }
}

const signal = new AbortController().signal
const several = (pool: Pool, count: number): Promise<unknown> => Promise.all(Array.from({ length: count }, () => pool.use('foreground', signal, () => new Promise<void>((resolve) => setImmediate(resolve)))))

test('no more connections are open than are allowed, and they are used again', async () => {
  const { pool, seen } = counted({})
  await several(pool, 20)
  assert.deepEqual(seen, { opened: 3, open: 3, most: 3 })
  pool.close()
  assert.equal(seen.open, 0)
})

test('no more are kept than may be idle', async () => {
  const { pool, seen } = counted({ idleMax: 1 })
  await several(pool, 3)
  assert.equal(seen.open, 1)
  pool.close()
})

test('a connection that is older than it may be is not used again', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const { pool, seen } = counted({ openMax: 1, lifetimeSeconds: 30 })
  const use = (): Promise<void> => pool.use('foreground', signal, () => Promise.resolve())
  await use()
  t.mock.timers.tick(29_000)
  await use()
  assert.equal(seen.opened, 1)
  t.mock.timers.tick(1_001)
  await use()
  assert.deepEqual([seen.opened, seen.open], [2, 1])
  t.mock.timers.tick(60_001)
  assert.equal(seen.open, 0, 'idle for a minute')
  pool.close()
})

test('limits are Vault\'s details, within bounds', () => {
  assert.deepEqual(limitsOf({}), { openMax: 4, idleMax: 4, lifetimeSeconds: 0, connectSeconds: 5, operationSeconds: 20 })
  assert.deepEqual(limitsOf({ max_open_connections: '9', max_idle_connections: -1, max_connection_lifetime: '2m', connect_timeout: '90m', operation_timeout: 0 }), { openMax: 9, idleMax: 0, lifetimeSeconds: 120, connectSeconds: 600, operationSeconds: 1 })
  for (const details of [{ max_open_connections: -1 }, { max_connection_lifetime: 'long' }, { max_idle_connections: 'x' }]) assert.throws(() => limitsOf(details), { code: 'bad_request' })
})
