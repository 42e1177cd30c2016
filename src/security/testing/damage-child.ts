/**
 * Damages the data file of a store in one way after the other, opens it and reads everything; the library maps the file, so a process may end of that:
 * this is one that may. Arguments: a folder of its own, `flip` or `cut`, the first number, how many there are in all. Prints for each number whether reads
 * were refused or found less than there is, and fails when one answers what was not there.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { keysUnder } from '../../core/check/findings.ts'
import type { Write } from '../../kit/store.ts'
import { openLmdbStore } from '../../storage/lmdb.ts'
import { seededRandom } from '../../storage/seeded.ts'
import { askAll, filled, type Loss, type Subject } from './subject.ts'

const pageBytes = 4096
const mapSizeBytes = 2 ** 26
/** Of a meta page, and of the head of any other with the places of what lies in it. */
const headBytes = 160

const below = (random: () => number, limit: number): number => Math.floor(random() * limit)

/** Any bit of the file; or one of those from which everything hangs, which are few. */
function flip(file: Buffer, seed: number): Buffer {
  const random = seededRandom(seed)
  const page = seed % 4 === 0 ? below(random, 2) : below(random, Math.floor(file.length / pageBytes))
  const at = seed % 2 === 0 ? page * pageBytes + below(random, headBytes) : below(random, file.length)
  const damaged = Buffer.from(file)
  damaged.writeUInt8(damaged.readUInt8(at) ^ (1 << below(random, 8)), at)
  return damaged
}

/** The last pages may be free ones. */
const cutBytes = 8 * pageBytes
const cut = (file: Buffer, index: number, total: number): Buffer => file.subarray(0, file.length - 1 - Math.floor((index * cutBytes) / total))

/** In a few commits, so that there are free pages, and an older state beside the newest. */
async function makeSubject(folder: string): Promise<Subject> {
  const random = seededRandom(1)
  const subject = await filled({ random: (count) => Uint8Array.from({ length: count }, () => below(random, 256)) })
  const store = await openLmdbStore({ folder, mapSizeBytes })
  const writes: Write[] = []
  for await (const key of keysUnder(subject.server.store, '')) writes.push({ put: key, value: (await subject.server.store.get(key))?.value ?? Buffer.alloc(0) })
  const commits = 6
  for (let part = 0; part < commits; part++) await store.commit([], writes.filter((_, i) => i % commits === part))
  await store.close()
  return subject
}

async function askDamaged(subject: Subject, folder: string, bytes: Buffer, what: string): Promise<Loss> {
  mkdirSync(folder, { mode: 0o700 })
  writeFileSync(join(folder, 'data.mdb'), bytes, { mode: 0o600 })
  const store = await openLmdbStore({ folder, mapSizeBytes }).catch(() => null)
  const loss = store === null ? { refused: subject.reads.length, hidden: 0 } : await askAll(subject, store, what)
  await store?.close()
  rmSync(folder, { recursive: true })
  return loss
}

async function main(folder: string, kind: string, first: number, total: number): Promise<void> {
  const subject = await makeSubject(join(folder, 'origin'))
  const file = readFileSync(join(folder, 'origin', 'data.mdb'))
  for (let index = first; index < total; index++) {
    const damaged = kind === 'flip' ? flip(file, index) : cut(file, index, total)
    const { refused, hidden } = await askDamaged(subject, join(folder, `damaged-${index}`), damaged, `${kind} ${index}`)
    process.stdout.write(`${index} ${hidden > 0 ? 'hidden' : refused > 0 ? 'refused' : 'harmless'}\n`)
  }
}

const [folder = '', kind = '', first = '0', total = '0'] = process.argv.slice(2)
await main(folder, kind, Number(first), Number(total))
