/** OpenSSL's command as the judge of what is written here: files in a folder of its own, removed afterwards. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'

export interface OpenSsl {
  /** Standard output and error of a command that must succeed. */
  readonly run: (...args: readonly string[]) => string
  /** The same, whatever its exit code. */
  readonly attempt: (...args: readonly string[]) => { readonly code: number | null; readonly text: string }
  readonly write: (name: string, content: string | Uint8Array) => string
  readonly read: (name: string) => Buffer
  readonly path: (name: string) => string
}

export function openSsl(t: TestContext): OpenSsl {
  const folder = mkdtempSync(join(tmpdir(), 'coffer-openssl-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const attempt: OpenSsl['attempt'] = (...args) => {
    const { status, stdout, stderr, error } = spawnSync('openssl', args, { cwd: folder, encoding: 'utf8', timeout: 30_000 })
    if (error) throw error
    return { code: status, text: stdout + stderr }
  }
  return {
    attempt,
    run(...args) {
      const { code, text } = attempt(...args)
      if (code !== 0) throw new Error(`openssl ${args.join(' ')}: ${text}`)
      return text
    },
    write(name, content) {
      writeFileSync(join(folder, name), content)
      return name
    },
    read: (name) => readFileSync(join(folder, name)),
    path: (name) => join(folder, name),
  }
}

/** Numbers from 0 to below 2^32 that a seed replays (mulberry32). */
export function seededNumbers(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return (mixed ^ (mixed >>> 14)) >>> 0
  }
}

/** Copies of some bytes with a few of them changed, cut away or doubled. */
export function* mutations(bytes: Uint8Array, count: number, seed: number): Generator<Buffer> {
  const next = seededNumbers(seed)
  for (let i = 0; i < count; i++) {
    let copy = Buffer.from(bytes)
    for (let changes = 1 + (next() % 3); changes > 0; changes--) {
      const at = next() % Math.max(1, copy.length)
      const kind = next() % 4
      if (kind === 0) copy = Buffer.concat([copy.subarray(0, at), copy.subarray(at + 1 + (next() % 4))])
      else if (kind === 1) copy = Buffer.concat([copy.subarray(0, at), copy.subarray(Math.max(0, at - (next() % 8)))])
      else copy[at] = next() & 0xff
    }
    yield copy
  }
}
