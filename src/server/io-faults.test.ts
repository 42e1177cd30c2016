/** Promise 1 when calls to the disk fail. `io-faults.slow.test.ts` lets each of many calls fail. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { counts } from '../security/testing/counts.ts'
import { buildShim } from './testing/disk.ts'
import { failAudit, failStorage, faultsFor } from './testing/io-faults.ts'
import { inPlace } from './testing/process.ts'

const why = 'failing calls need Linux and a C compiler (cc)'

test('a write or sync of the store that fails ends the server with its reason, and nothing that was acknowledged is missing', (t) => inPlace(async (place) => {
  const shim = buildShim(place.folder)
  if (shim === null) return t.skip(why)
  const said: (string | null)[] = []
  for (const [seed, fault] of faultsFor(counts.storageFaults.fast).entries()) said.push(await failStorage(place, shim, fault, seed))
  for (const text of said.slice(0, 3)) assert.match(text ?? 'it went on', /^The server has stopped: .*storage/m)
}))

test('an audit file that fails for a while refuses what it cannot record, and then works again by itself', (t) => inPlace(async (place) => {
  const shim = buildShim(place.folder)
  if (shim === null) return t.skip(why)
  for (const [seed, fault] of faultsFor(counts.auditFaults.fast).entries()) assert.ok((await failAudit(place, shim, fault, seed)) > 0, JSON.stringify(fault))
}))
