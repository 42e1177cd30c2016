/** Reads the end of an audit file before it is appended to: how the chains in it ended, and whether its last line is whole. */
import { hash } from 'node:crypto'
import { open } from 'node:fs/promises'
import type { ChainEnd, Opening } from './device.ts'

/** So much of the end is looked at. */
const tailBytes = 65_536
/** More chains than this are not named: they are those of workers of one server, and of its last runs. */
const endsMax = 16

/** The end of every line of a chain: `chain.ts` writes it, always last, and a signature after it in checkpoints. */
export const chainSuffix = /,"chain":\{"id":"([\w.-]{1,64})","seq":([0-9]{1,15}),"prev":"([0-9a-f]{64}|)"\}(?:,"signature":"([A-Za-z0-9+/]{86}==)")?\}$/
/** The suffix is never longer. */
export const suffixBytes = 400

const lineFeed = 10

/** What stands at the end of the regular file at `path`, which is `size` bytes long. A file that may not be read tells nothing. */
export async function readTail(path: string, size: number): Promise<Opening> {
  const start = Math.max(0, size - tailBytes)
  const bytes = await readRange(path, start, size)
  if (bytes === null || bytes.length === 0) return { ends: [], torn: null }
  const wholeEnd = bytes.lastIndexOf(lineFeed) + 1
  const rest = bytes.subarray(wholeEnd)
  const isWholeRest = wholeEnd > 0 || start === 0
  const torn = rest.length === 0 ? null : { bytes: isWholeRest ? rest.length : size, hash: isWholeRest ? hash('sha256', rest) : '' }
  // The first line of the window may be the rest of a longer one.
  const firstStart = start === 0 ? 0 : bytes.indexOf(lineFeed) + 1
  return { ends: endsOf(bytes.subarray(firstStart, wholeEnd)), torn }
}

async function readRange(path: string, start: number, end: number): Promise<Buffer | null> {
  let file
  try {
    file = await open(path, 'r')
    const buffer = Buffer.alloc(end - start)
    const { bytesRead } = await file.read(buffer, 0, buffer.length, start)
    return buffer.subarray(0, bytesRead)
  } catch {
    return null // write-only, or gone meanwhile: then nothing can be said about it
  } finally {
    await file?.close()
  }
}

function endsOf(lines: Buffer): ChainEnd[] {
  const ends = new Map<string, ChainEnd>()
  for (let start = 0; start < lines.length; ) {
    const feed = lines.indexOf(lineFeed, start)
    const line = lines.subarray(start, feed)
    const match = chainSuffix.exec(line.toString('latin1', Math.max(0, line.length - suffixBytes)))
    const [, id, seq] = match ?? []
    if (id !== undefined) {
      ends.delete(id)
      ends.set(id, { id, seq: Number(seq), hash: hash('sha256', line) })
    }
    start = feed + 1
  }
  return [...ends.values()].slice(-endsMax)
}
