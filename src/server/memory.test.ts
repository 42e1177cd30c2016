/**
 * Too little memory for what clients send: a worker that dies of it is replaced, which the log says; who has no token cannot bring that about; and no write that was
 * acknowledged is lost.
 */
import { test } from 'node:test'
import { exhaust } from './testing/memory.ts'
import { withCrew } from './workers/testing/crew.ts'

/** Megabytes: a worker takes about forty when it has nothing to do. */
const heap = 80

test('workers that run out of memory are replaced, and nothing that was acknowledged is lost', (t) => {
  if (process.platform !== 'linux') return t.skip('looks into /proc')
  return withCrew(2, (crew) => exhaust(crew, /a worker ended and is replaced: worker=\d how=SIGABRT/), () => ({ environment: { NODE_OPTIONS: `--max-old-space-size=${heap}` } }))
})
