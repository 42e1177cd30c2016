/** What the tests of the audit share: a host whose clock stands still, entries, and folders that go away. */
import { generateKeyPairSync, randomBytes, randomUUID, type KeyObject } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Host } from '../host.ts'
import type { AuditDeviceRecord, AuditLimits } from './config.ts'
import type { AuditEntry } from './entry.ts'

export interface TestHost extends Host {
  readonly advance: (ms: number) => void
  readonly logged: string[]
}

/** Timers are real, the clock moves by `advance` only. */
export function testHost(): TestHost {
  let time = Date.UTC(2026, 0, 2, 3, 4, 5)
  const logged: string[] = []
  return {
    now: () => time,
    advance: (ms) => void (time += ms),
    random: (bytes) => randomBytes(bytes),
    uuid: () => randomUUID(),
    logged,
    log: (level, module, message, fields = {}) => void logged.push(`${level} ${module} ${message} ${JSON.stringify(fields)}`),
    later(ms, work) {
      const timer = setTimeout(work, ms)
      return () => clearTimeout(timer)
    },
  }
}

export const anywhere: AuditLimits = { dataFolder: null, folders: null, prefix: true }

export const deviceRecord = (options: Readonly<Record<string, string>>, more: Partial<AuditDeviceRecord> = {}): AuditDeviceRecord => ({
  path: 'one/',
  type: 'file',
  description: '',
  local: false,
  options,
  salt: 'salt-salt-salt-salt',
  ...more,
})

export const entryOf = (path: string, more: Partial<AuditEntry> = {}): AuditEntry => ({
  type: 'request',
  time: Date.UTC(2026, 0, 2, 3, 4, 5),
  request: { id: 'b1946ac9-2f3e-4c7a-9e0d-111111111111', operation: 'read', path },
  ...more,
})

export interface Keys {
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
}

export const newKeys = (): Keys => generateKeyPairSync('ed25519')

/** A folder that is gone when `work` has ended. */
export async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'coffer-audit-'))
  try {
    return await work(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

export const readLines = (path: string): string[] => readFileSync(path, 'utf8').split('\n').slice(0, -1)

/** The paths of the entries among these lines, checkpoints left out. */
export const entryPaths = (lines: readonly string[]): string[] =>
  lines.flatMap((line) => /"path":"([^"]*)"/.exec(line)?.slice(1) ?? [])
