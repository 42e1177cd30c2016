/** A process for `replace.test.ts`: replaces everything in the folder of its first argument by values of the next generation, again and again, until it is killed. */
import type { KeyValue } from '../kit/store.ts'
import { openLmdbStore } from './lmdb.ts'

const valueCount = 4_000 // as the test counts

function* generation(number: number): Generator<KeyValue> {
  for (let i = 0; i < valueCount; i += 1) yield { key: `g${number % 2}/${String(i).padStart(5, '0')}`, value: Buffer.from(String(number).padEnd(200)) }
}

const store = await openLmdbStore({ folder: process.argv[2] as string })
const first = await store.get('g0/00000')
const other = await store.get('g1/00000')
for (let number = Number(Buffer.from((first ?? other)?.value ?? Buffer.from('0')).toString()) + 1; ; number += 1) {
  await store.replaceWhole(generation(number))
  process.stdout.write(`${number}\n`)
}
