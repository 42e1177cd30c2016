/** Many episodes, one after the other, from one seed. */
import { playEpisode, Unexplained, type Tally } from './episode.ts'

const episodeSteps = 500

export interface Report extends Tally {
  readonly episodes: number
}

/** Throws `Unexplained` with the seed that replays what went wrong, alone. */
export async function simulate(seed: number, steps: number, onEpisode: (report: Report) => void = () => undefined): Promise<Report> {
  let report: Report = { episodes: 0, steps: 0, requests: 0, faults: 0, kills: 0, unknown: 0, clockJumps: 0 }
  while (report.steps < steps) {
    const wanted = Math.min(episodeSteps, steps - report.steps)
    // The first episode of a seed is that seed's own.
    const own = (seed + report.episodes * 0x9e3779b9) >>> 0
    const { tally } = await playEpisode(own, wanted).catch((error: unknown) => {
      throw new Unexplained(`replay with: npm run test:sim -- --seed ${own} --steps ${wanted}\n${error instanceof Error ? error.message : String(error)}`, { cause: error })
    })
    report = {
      episodes: report.episodes + 1, steps: report.steps + tally.steps, requests: report.requests + tally.requests, faults: report.faults + tally.faults,
      kills: report.kills + tally.kills, unknown: report.unknown + tally.unknown, clockJumps: report.clockJumps + tally.clockJumps,
    }
    onEpisode(report)
  }
  return report
}
