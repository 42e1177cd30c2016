/** The terminal of the process: plain file descriptors, because the stream objects of Node cost more to start than a whole command. */
import { writeSync } from 'node:fs'
import { isatty } from 'node:tty'
import type { Terminal } from './host.ts'

export function openTerminal(): Terminal {
  return {
    out: (data) => writeAll(1, typeof data === 'string' ? Buffer.from(data) : data),
    err: (text) => writeAll(2, Buffer.from(text)),
    outIsScreen: isatty(1),
    errIsScreen: isatty(2),
    inIsKeyboard: isatty(0),
    readInput,
    readHidden: async () => (await import('./hidden-input.ts')).readHidden(),
  }
}

async function readInput(): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8')
}

/** A reader that is gone (EPIPE) ends the output, not the command. A full pipe that does not block (EAGAIN) is tried again. */
function writeAll(descriptor: number, data: Uint8Array): void {
  for (let at = 0; at < data.length; ) {
    try {
      at += writeSync(descriptor, data, at)
    } catch (error) {
      const code = (error as { code?: string }).code
      if (code === 'EPIPE') return
      if (code !== 'EAGAIN') throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5)
    }
  }
}
