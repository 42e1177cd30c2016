/** Reads a snapshot as it comes, and believes nothing of it: each part against its hash, the order of the parts, and the end. */
import { createHash } from 'node:crypto'
import { pipeline, Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { badRequest } from '../../kit/errors.ts'
import { parseJson } from '../../kit/json.ts'
import { readTar } from '../../kit/tar.ts'
import { damaged, decodePart, partBytesMax, snapshotFormat, type SnapshotManifest, type SnapshotSummary } from './format.ts'

export interface ReadSnapshot {
  readonly manifest: SnapshotManifest
  readonly summary: SnapshotSummary
  /** SHA-256 over the list of hashes, and so over everything. */
  readonly digest: Buffer
  /** The HMAC of it, as it stands there: whoever has the key of the barrier must check it. */
  readonly mac: Buffer
}

/**
 * Resolves once all of it was read and is whole. `keep` gets each part with records, in order, before the end is known: it must be ready to forget them.
 * Throws 'bad_request' that says what is wrong.
 */
export async function readSnapshot(source: AsyncIterable<Uint8Array>, keep: (part: Uint8Array) => Promise<void> | void = () => undefined): Promise<ReadSnapshot> {
  const sums: string[] = []
  const found: { manifest?: SnapshotManifest; summary?: SnapshotSummary; digest?: Buffer; mac?: Buffer } = {}
  const counted = { parts: 0, entries: 0, bytes: 0 }
  let last = ''
  for await (const { name, bytes } of readTar(unzipped(source), partBytesMax, damaged)) {
    if (name !== nextName(found, counted.parts) && !(name === 'summary.json' && found.manifest !== undefined && found.summary === undefined)) throw damaged(`the part "${printable(name)}" does not belong where it is`)
    if (name === 'manifest.json') found.manifest = checkedManifest(parsed(bytes))
    else if (name === 'summary.json') found.summary = checkedSummary(parsed(bytes), counted)
    else if (name === 'SHA256SUMS') {
      if (Buffer.from(bytes).toString() !== sums.join('')) throw damaged('a part of it was changed')
      found.digest = createHash('sha256').update(bytes).digest()
    } else if (name === 'SHA256SUMS.sealed') found.mac = Buffer.from(Buffer.from(bytes).toString(), 'hex')
    else {
      counted.parts += 1
      for (const { key, value } of decodePart(bytes, last)) {
        counted.entries += 1
        counted.bytes += Buffer.byteLength(key) + value.length
        last = key
      }
      await keep(bytes)
    }
    sums.push(`${createHash('sha256').update(bytes).digest('hex')}  ${name}\n`)
  }
  const { manifest, summary, digest, mac } = found
  if (manifest === undefined || summary === undefined || digest === undefined || mac === undefined) throw damaged('it ends too early')
  return { manifest, summary, digest, mac }
}

function nextName({ manifest, summary, digest, mac }: { readonly manifest?: object; readonly summary?: object; readonly digest?: object; readonly mac?: object }, parts: number): string {
  if (manifest === undefined) return 'manifest.json'
  if (summary === undefined) return `data/${parts + 1}`
  if (digest === undefined) return 'SHA256SUMS'
  return mac === undefined ? 'SHA256SUMS.sealed' : ''
}

const printable = (name: string): string => name.replaceAll(/[^\w./-]/g, '?').slice(0, 40)

/** Also refuses what follows after the compressed stream, which `zlib` would not mention. */
async function* unzipped(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const unzip = createGunzip({ chunkSize: 64 * 1024 })
  let given = 0
  async function* counted(): AsyncGenerator<Uint8Array> {
    for await (const chunk of source) {
      given += chunk.length
      yield chunk
    }
  }
  pipeline(Readable.from(counted(), { objectMode: true, highWaterMark: 1 }), unzip, () => undefined)
  try {
    yield* unzip as AsyncIterable<Uint8Array>
  } catch (error) {
    if (String((error as NodeJS.ErrnoException).code).startsWith('Z_')) throw damaged('it is not compressed as it should be, or ends too early')
    throw error
  }
  if (unzip.bytesWritten !== given) throw damaged('something follows after its end')
}

function parsed(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  try {
    return parseJson(Buffer.from(bytes).toString()) as unknown as Readonly<Record<string, unknown>>
  } catch {
    throw damaged('what describes it cannot be read')
  }
}

function checkedManifest(given: Readonly<Record<string, unknown>>): SnapshotManifest {
  if (given['program'] !== 'coffer') throw badRequest('this is no snapshot of Coffer')
  const { format } = given
  if (typeof format !== 'number') throw damaged('what describes it cannot be read')
  if (format > snapshotFormat) throw badRequest(`the snapshot is of form ${format}, but this program knows only ${snapshotFormat}: it was made by a later version of Coffer`)
  for (const name of ['version', 'created', 'cluster_id', 'key_fingerprint']) if (typeof given[name] !== 'string') throw damaged('what describes it cannot be read')
  if (typeof given['commit'] !== 'number') throw damaged('what describes it cannot be read')
  return given as unknown as SnapshotManifest
}

function checkedSummary(given: Readonly<Record<string, unknown>>, counted: SnapshotSummary): SnapshotSummary {
  for (const name of ['parts', 'entries', 'bytes'] as const) if (given[name] !== counted[name]) throw damaged('it does not hold as much as it says')
  return counted
}
