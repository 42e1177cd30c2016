/** A data file with a bit turned over or an end cut off: what is read from it is what was there, or is refused, or is not found, or the process ends. */
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

export interface DamageReport {
  /** Nothing that was read lay where the damage is. */
  harmless: number
  /** Something was refused, or the store was not opened at all. */
  refused: number
  /** A record was not found, or a list was shorter than it is: the library looked for it in the wrong place. */
  hidden: number
  /** The library met what it cannot read, and the process ended by a signal. */
  ended: number
  /** It did not come to an end of its own, and was killed. */
  hung: number
}

/** A server that does not answer for as long is killed by its supervisor; here the times are those of a busy machine. */
const patienceMs = 15_000

/** Tries numbers from 0 on; each of them is always the same damage, to the same file but for its keys. Rejects when something else was read than was there. */
export async function damageFile(kind: 'flip' | 'cut', total: number): Promise<DamageReport> {
  const report: DamageReport = { harmless: 0, refused: 0, hidden: 0, ended: 0, hung: 0 }
  const folder = mkdtempSync(join(tmpdir(), 'coffer-damage-'))
  try {
    for (let next = 0, run = 0; next < total; run++) {
      mkdirSync(join(folder, `${run}`))
      next = await runFrom(join(folder, `${run}`), kind, next, { total, report })
      rmSync(join(folder, `${run}`), { recursive: true })
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  return report
}

/** Resolves with the number to go on with. */
async function runFrom(folder: string, kind: string, first: number, { total, report }: { readonly total: number; readonly report: DamageReport }): Promise<number> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'damage-child.js'), folder, kind, `${first}`, `${total}`], { stdio: ['ignore', 'pipe', 'pipe'] })
  let [next, isHung, failure] = [first, false, '']
  child.stderr.on('data', (chunk: Buffer) => (failure += chunk.toString()))
  const hang = setTimeout(() => {
    isHung = true
    child.kill('SIGKILL')
  }, patienceMs)
  createInterface(child.stdout).on('line', (line) => {
    const [index, outcome] = line.split(' ') as [string, 'harmless' | 'refused' | 'hidden']
    report[outcome] += 1
    next = Number(index) + 1
    hang.refresh()
  })
  const { code, signal } = await new Promise<{ code: number | null; signal: string | null }>((resolve) => child.once('close', (code, signal) => resolve({ code, signal })))
  clearTimeout(hang)
  if (code === 0) return total
  if (signal === null) throw new Error(`${kind} ${next}: ${failure}`)
  report[isHung ? 'hung' : 'ended'] += 1
  return next + 1
}
