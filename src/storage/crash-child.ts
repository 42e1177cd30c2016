/**
 * The process that `crash.test.ts` kills: it commits as fast as it can and says on its output what was acknowledged. Each of
 * its loops moves one item on, so that after any crash the state shows whether a commit was lost or torn.
 */
import type { Store } from '../kit/store.ts'
import { bytes, increment, readText } from './contract-parts.ts'
import { openLmdbStore } from './lmdb.ts'

export const loopCount = 8

async function runLoop(store: Store, name: string): Promise<never> {
  for (let step = Number((await readText(store, `head/${name}`)) ?? 0) + 1; ; step += 1) {
    await store.commit([], [
      { put: `head/${name}`, value: bytes(String(step)) },
      { put: `item/${name}/${step}`, value: bytes('x'.repeat(step % 5_000)) },
      { del: `item/${name}/${step - 1}` },
      { merge: 'count', by: increment },
    ])
    // The next step waits until the pipe has it, which outlives this process.
    await new Promise((resolve) => process.stdout.write(`${name} ${step}\n`, resolve))
  }
}

const [folder, worker] = process.argv.slice(2)
if (folder !== undefined && worker !== undefined) {
  const store = await openLmdbStore({ folder, rememberedCommits: 500 })
  await Promise.all(Array.from({ length: loopCount }, (_, index) => runLoop(store, `${worker}-${index}`)))
}
