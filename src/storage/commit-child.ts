/** A process for `processes.test.ts`: opens the folder of its first argument, and puts each line of its input at the key `told`. Answers each, and that it is open. */
import { createInterface } from 'node:readline'
import { openLmdbStore } from './lmdb.ts'

const store = await openLmdbStore({ folder: process.argv[2] as string })
process.stdout.write('open\n')
for await (const line of createInterface({ input: process.stdin })) {
  await store.commit([], [{ put: 'told', value: Buffer.from(line) }])
  process.stdout.write(`${line}\n`)
}
await store.close()
