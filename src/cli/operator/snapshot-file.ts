/** Snapshots as files: read as a stream, written so that a file of that name is always whole. */
import { createReadStream } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { readSnapshot, type ReadSnapshot } from '../../storage/snapshot/read.ts'
import { describeFileError } from '../file-error.ts'
import { remoteError } from '../failure.ts'
import type { Printer } from '../output/printer.ts'

/** Everything in a file checked against its hashes. Throws `Failure` (2) with what is wrong. */
export async function readSnapshotFile(file: string): Promise<ReadSnapshot> {
  try {
    return await readSnapshot(createReadStream(file))
  } catch (error) {
    throw remoteError(`Error reading the snapshot: ${describeFileError(error)}`)
  }
}

/** Saves what comes, durably, under the name of the file once it is whole; until then, and when it is not, under that name with `.part`. */
export async function saveSnapshot(file: string, chunks: AsyncIterable<Uint8Array>): Promise<ReadSnapshot> {
  const part = `${file}.part`
  try {
    const handle = await open(part, 'w', 0o600)
    try {
      const read = await readSnapshot(written(chunks, (chunk) => handle.appendFile(chunk)))
      await handle.sync()
      await rename(part, file)
      await syncFolder(dirname(file))
      return read
    } finally {
      await handle.close()
    }
  } catch (error) {
    await rm(part, { force: true })
    throw remoteError(`Error saving the snapshot: ${describeFileError(error)}`)
  }
}

async function* written(chunks: AsyncIterable<Uint8Array>, write: (chunk: Uint8Array) => Promise<void>): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    await write(chunk)
    yield chunk
  }
}

/** The name of a new file is durable only once its folder is. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r').catch(() => null)
  await folder?.sync().catch(() => undefined)
  await folder?.close()
}

export async function printSnapshot(print: Printer, { manifest, summary }: ReadSnapshot): Promise<void> {
  const { program: _, ...rest } = manifest
  await print.data({ ...rest, entries: summary.entries, bytes: summary.bytes, parts: summary.parts })
}
