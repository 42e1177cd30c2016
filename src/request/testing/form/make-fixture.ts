/** Writes the fixture of the present form: `node dist/src/request/testing/form/make-fixture.js FORM`. Only for a form that no release has written yet. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { serveHarness } from '../serve-harness.ts'
import { takeSnapshot } from '../../../core/snapshots.ts'
import { fill, shapesOf } from './fill.ts'

const folder = join(import.meta.dirname, '../../../../../src/request/testing/form/fixtures')
const form = Number(process.argv[2])
const server = await serveHarness()
await fill(server)
const chunks: Uint8Array[] = []
for await (const chunk of takeSnapshot(server.core, 'fixture')) chunks.push(chunk)
writeFileSync(join(folder, `form-${form}.snap`), Buffer.concat(chunks))
const rootKey = server.core.barrier.exportRootKey().toString('hex')
const shapes = await shapesOf(server.core)
writeFileSync(join(folder, `form-${form}.json`), `${JSON.stringify({ rootKey, rootToken: server.rootToken, madeAt: server.clock.now(), shapes }, null, 1)}\n`)
await server.close()
