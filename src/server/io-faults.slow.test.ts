/** As `io-faults.test.ts`, but three hundred faults: minutes. */
import { test } from 'node:test'
import { buildShim } from './testing/disk.ts'
import { failAudit, failStorage, faultsFor } from './testing/io-faults.ts'
import { inPlace } from './testing/process.ts'

const why = 'failing calls need Linux and a C compiler (cc)'
const storageFaults = 240
const auditFaults = 60

test(`${storageFaults} faults of the store's calls, of seven kinds, lose nothing that was acknowledged`, (t) => inPlace(async (place) => {
  const shim = buildShim(place.folder)
  if (shim === null) return t.skip(why)
  for (const [seed, fault] of faultsFor(storageFaults).entries()) await failStorage(place, shim, fault, seed)
}))

test(`${auditFaults} faults of the audit file's calls let nothing out unrecorded, and pass`, (t) => inPlace(async (place) => {
  const shim = buildShim(place.folder)
  if (shim === null) return t.skip(why)
  for (const [seed, fault] of faultsFor(auditFaults).entries()) await failAudit(place, shim, fault, seed)
}))
