/** Turns measurements into lines for the reader: medians of the rounds, and ratios with their spread. */
import type { Measurement, WorkloadResult } from './rounds.ts'

export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = (sorted.length - 1) / 2
  const median = ((sorted[Math.floor(middle)] ?? 0) + (sorted[Math.ceil(middle)] ?? 0)) / 2
  return { median, min: sorted[0] ?? 0, max: sorted.at(-1) ?? 0 }
}

/** How much more the first server does in a second than the other, round by round. */
export function ratiosOf({ measurements: [ours = [], theirs = []] }: WorkloadResult): Spread | null {
  if (theirs.length === 0) return null
  return spreadOf(ours.map((measurement, i) => measurement.perSecond / (theirs[i]?.perSecond || Number.NaN)))
}

const rounded = (value: number, digits: number): string => (Number.isFinite(value) ? value.toFixed(digits) : '-')
const medianOf = (rounds: readonly Measurement[], pick: (measurement: Measurement) => number | null): number =>
  spreadOf(rounds.map((measurement) => pick(measurement) ?? Number.NaN)).median

export const header = `${'workload'.padEnd(14)} ${'server'.padEnd(10)} ${'per s'.padStart(9)} ${'p50 ms'.padStart(8)} ${'p99 ms'.padStart(8)} ${'errors'.padStart(7)} ${'CPU s/1k'.padStart(9)} ${'PSS MiB'.padStart(7)} ${'own'.padStart(6)}   ratio (min to max)`

const mebibytes = (bytes: number | null): number | null => (bytes === null ? null : bytes / 2 ** 20)

/** One line for each server. */
export function formatResult(result: WorkloadResult, names: readonly string[]): string {
  const ratio = ratiosOf(result)
  const lines = result.measurements.map((rounds, i) => {
    const errors = rounds.reduce((sum, measurement) => sum + measurement.errors, 0)
    const columns = [
      result.workload.padEnd(14),
      (names[i] ?? '').padEnd(10),
      rounded(medianOf(rounds, (m) => m.perSecond), 0).padStart(9),
      rounded(medianOf(rounds, (m) => m.p50), 2).padStart(8),
      rounded(medianOf(rounds, (m) => m.p99), 2).padStart(8),
      String(errors).padStart(7),
      rounded(medianOf(rounds, (m) => m.cpuPerThousand), 3).padStart(9),
      rounded(medianOf(rounds, (m) => mebibytes(m.shareBytes ?? m.memoryBytes)), 0).padStart(7),
      rounded(medianOf(rounds, (m) => mebibytes(m.ownBytes)), 0).padStart(6),
    ]
    const compared = i === 0 && ratio ? `   ${rounded(ratio.median, 2)} (${rounded(ratio.min, 2)} to ${rounded(ratio.max, 2)})` : ''
    const firstError = rounds.map((measurement) => measurement.firstError).find(Boolean)
    return `${columns.join(' ')}${compared}${firstError ? `\n${' '.repeat(15)}first error: ${firstError.trim()}` : ''}`
  })
  return lines.join('\n')
}
