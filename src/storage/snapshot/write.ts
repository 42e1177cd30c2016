/** Writes a snapshot as a stream: nothing of it is in memory but the part that is being made. */
import { createHash } from 'node:crypto'
import { pipeline, Readable } from 'node:stream'
import { createGzip } from 'node:zlib'
import { packFile, tarEnd } from '../../kit/tar.ts'
import type { WholeReading } from '../../kit/store.ts'
import { encodeRecord, partBytes, type SnapshotManifest } from './format.ts'

/** `seal` makes the HMAC of what it is given. `seconds`: the time, for the archive. Ending the iteration ends the reading. */
export function writeSnapshot(reading: WholeReading, manifest: SnapshotManifest, seal: (digest: Uint8Array) => Uint8Array, seconds: number): AsyncIterable<Uint8Array> {
  // Sealed values do not get smaller; the names of the keys do.
  const zip = createGzip({ level: 1, chunkSize: 64 * 1024 })
  pipeline(Readable.from(archive(reading, manifest, seal, seconds), { objectMode: true, highWaterMark: 1 }), zip, () => undefined)
  return zip as AsyncIterable<Uint8Array>
}

async function* archive(reading: WholeReading, manifest: SnapshotManifest, seal: (digest: Uint8Array) => Uint8Array, seconds: number): AsyncGenerator<Uint8Array> {
  const sums: string[] = []
  const file = (name: string, bytes: Uint8Array): Uint8Array => {
    sums.push(`${createHash('sha256').update(bytes).digest('hex')}  ${name}\n`)
    return Buffer.concat(packFile({ name, bytes }, seconds))
  }
  const count = { parts: 0, entries: 0, bytes: 0 }
  yield file('manifest.json', json(manifest))
  for await (const part of partsOf(reading, count)) yield file(`data/${(count.parts += 1)}`, part)
  yield file('summary.json', json(count))
  const list = Buffer.from(sums.join(''))
  const mac = Buffer.from(seal(createHash('sha256').update(list).digest())).toString('hex')
  yield Buffer.concat([...packFile({ name: 'SHA256SUMS', bytes: list }, seconds), ...packFile({ name: 'SHA256SUMS.sealed', bytes: Buffer.from(mac) }, seconds), tarEnd])
}

const json = (value: object): Buffer => Buffer.from(`${JSON.stringify(value)}\n`)

async function* partsOf({ pieces }: WholeReading, count: { entries: number; bytes: number }): AsyncGenerator<Buffer> {
  let records: Uint8Array[] = []
  let size = 0
  for await (const piece of pieces) {
    for (const entry of piece) {
      const record = encodeRecord(entry)
      records.push(...record)
      size += record.reduce((sum, { length }) => sum + length, 0)
      count.entries += 1
      count.bytes += Buffer.byteLength(entry.key) + entry.value.length
      if (size < partBytes) continue
      yield Buffer.concat(records)
      records = []
      size = 0
    }
  }
  if (records.length > 0) yield Buffer.concat(records)
}
