/** CPU time and memory of the server under test, read from /proc: the process that listens on its port, and all below it. */
import { readFileSync, readdirSync, readlinkSync } from 'node:fs'

export interface Usage {
  /** User and system time since the start, in seconds. */
  readonly cpuSeconds: number
  /** Resident memory in bytes; pages shared between processes count once for each. */
  readonly memoryBytes: number
  /** The same with each such page divided by the number of all processes that have it (PSS); null where the system does not tell, as to other users. */
  readonly shareBytes: number | null
  /** The part of it that is no page of a file, so that nobody else can have it: what the program itself has taken. */
  readonly ownBytes: number
}

/** Linux counts CPU time in hundredths of a second, whatever the kernel's own clock. */
const ticksPerSecond = 100
const pageBytes = 4096

const tryRead = <T>(read: () => T): T | null => {
  try {
    return read()
  } catch {
    return null // no /proc here, another user's process, or one that ended meanwhile
  }
}

const listPids = (): number[] => (tryRead(() => readdirSync('/proc')) ?? []).filter((name) => /^\d+$/.test(name)).map(Number)

/** Fields of /proc/PID/stat from the third on: the name before them may contain anything. */
const readStat = (pid: number): string[] | null =>
  tryRead(() => readFileSync(`/proc/${pid}/stat`, 'latin1').replace(/^.*\) /s, '').split(' '))

const readOwnBytes = (pid: number): number => Number(tryRead(() => /^RssAnon:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]) ?? 0) * 1024

function readShareBytes(pid: number): number {
  const kilobytes = tryRead(() => /^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1'))?.[1])
  return Number(kilobytes ?? Number.NaN) * 1024
}

/** The process that listens on `port`; null where that cannot be seen. Of several (workers) the oldest. */
export function findListener(port: number): number | null {
  const hex = port.toString(16).toUpperCase().padStart(4, '0')
  const tables = ['/proc/net/tcp', '/proc/net/tcp6'].map((path) => tryRead(() => readFileSync(path, 'latin1')) ?? '')
  const rows = tables.flatMap((table) => table.split('\n').map((line) => line.trim().split(/\s+/)))
  const inodes = new Set(rows.filter((row) => row[1]?.endsWith(`:${hex}`) && row[3] === '0A').map((row) => `socket:[${row[9]}]`))
  const holds = (pid: number): boolean =>
    (tryRead(() => readdirSync(`/proc/${pid}/fd`)) ?? []).some((fd) => inodes.has(tryRead(() => readlinkSync(`/proc/${pid}/fd/${fd}`)) ?? ''))
  return listPids().toSorted((a, b) => a - b).find(holds) ?? null
}

/** What a process and all its descendants have used; null where that cannot be seen. */
export function readUsage(root: number | null): Usage | null {
  if (root === null) return null
  const stats = new Map(listPids().map((pid) => [pid, readStat(pid)]))
  const isBelow = (pid: number): boolean => pid === root || (pid > 1 && isBelow(Number(stats.get(pid)?.[1] ?? 0)))
  const pids = [...stats].filter(([pid, stat]) => stat && isBelow(pid)).map(([pid]) => pid)
  const chosen = pids.map((pid) => stats.get(pid) ?? [])
  if (chosen.length === 0) return null
  const sum = (field: number): number => chosen.reduce((total, stat) => total + Number(stat[field] ?? 0), 0)
  const total = (read: (pid: number) => number): number => pids.reduce((bytes, pid) => bytes + read(pid), 0)
  const shareBytes = total(readShareBytes)
  return {
    cpuSeconds: (sum(11) + sum(12)) / ticksPerSecond, memoryBytes: sum(21) * pageBytes, shareBytes: Number.isNaN(shareBytes) ? null : shareBytes, ownBytes: total(readOwnBytes),
  }
}
