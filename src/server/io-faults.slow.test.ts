/** As `io-faults.test.ts`, but hundreds of faults: minutes. */
import { test } from 'node:test'
import { counts } from '../security/testing/counts.ts'
import { buildShim } from './testing/disk.ts'
import { failAudit, failStorage, faultsFor } from './testing/io-faults.ts'
import { inPlace } from './testing/process.ts'

const why = 'failing calls need Linux and a C compiler (cc)'
const storageFaults = counts.storageFaults.slow
const auditFaults = counts.auditFaults.slow

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
