import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Openings } from './openings.ts'
import type { WorkerHandle } from './staff.ts'

interface Scene {
  readonly openings: Openings
  readonly worker: (name: string) => WorkerHandle
  readonly events: string[]
  /** Lets those go on that were asked to hold. */
  readonly held: () => void
}

function scene(): Scene {
  const events: string[] = []
  let waiting: (() => void)[] = []
  const openings = new Openings(async (workers) => {
    events.push(`hold ${workers.map(({ processId }) => processId).join('+')}`)
    if (workers.length > 0) await new Promise<void>((resolve) => waiting.push(resolve))
  })
  return {
    openings, events,
    worker: (processId) => ({ processId, link: { tell: (what: string) => events.push(`${what} ${processId}`) } }) as unknown as WorkerHandle,
    held() {
      for (const go of waiting) go()
      waiting = []
    },
  }
}

const turn = (): Promise<void> => new Promise(setImmediate)

test('a worker opens the store when all that have it hold, and these go on when it is open', async () => {
  const { openings, worker, events, held } = scene()
  const [a, b] = [worker('a'), worker('b')]
  await openings.begin(a)
  openings.opened(a)
  let isOpen = false
  const opening = openings.begin(b).then(() => (isOpen = true))
  await turn()
  assert.deepEqual([isOpen, events], [false, ['hold ', 'goOn a', 'hold a']])
  held()
  await opening
  openings.opened(b)
  assert.deepEqual(events.slice(3), ['goOn a', 'goOn b'])
})

test('one opens after the other, also when one of them ends before or in its turn', async () => {
  const { openings, worker, events, held } = scene()
  const all = ['a', 'b', 'c', 'd'].map(worker)
  const begun: string[] = []
  const waiting = worker('f')
  for (const one of all) void openings.begin(one).then(() => begun.push(one.processId))
  await turn()
  assert.deepEqual(begun, ['a'])
  openings.gone(all[1] as WorkerHandle)
  openings.opened(all[0] as WorkerHandle)
  await turn()
  held()
  await turn()
  assert.deepEqual(begun.at(-1), 'c')
  void openings.begin(waiting)
  openings.gone(waiting)
  const goneOn = (): number => events.filter((event) => event === 'goOn a').length
  assert.equal(goneOn(), 1, 'all hold for as long as the one opens')
  openings.gone(all[2] as WorkerHandle)
  await turn()
  assert.equal(goneOn(), 2, 'nobody holds for one that is gone')
  held()
  await turn()
  assert.deepEqual(begun.at(-1), 'd')
})
