/** How often something is tried: in `npm test`, and in the slow test beside it, which runs the very same code. See docs/reliability.md for what was reached. */
interface Count {
  readonly fast: number
  readonly slow: number
}

const count = (fast: number, slow: number): Count => Object.freeze({ fast, slow })

export const counts = Object.freeze({
  /** `kill -9` of a server, or of some of its processes. */
  kills: count(3, 1_000),
  /** Power cuts, and system calls that fail: of the data file, of the audit file. */
  powerCuts: count(7, 700),
  storageFaults: count(4, 240),
  auditFaults: count(2, 60),
  /** Single bits of the data file that are turned over, and lengths that it is cut to. */
  bitFlips: count(100, 10_000),
  truncations: count(4, 410),
  /** Requests full of secrets, of every operation, at random. */
  redactedRequests: count(100, 10_000),
  /** Requests over real connections, some of which break off, and their lines in the audit file. */
  auditedRequests: count(1_000, 100_000),
  /** Sets of policies, with ten paths and four capabilities each. */
  policySets: count(3_000, 25_000),
  /** Spellings of the path of each operation, with each of six methods. */
  spellings: count(1, 50),
  /** A thousand tries at once for each thing that may happen N times. */
  onceRounds: count(1, 100),
  /** Histories of reads and writes amid kills, and how long each is. */
  histories: count(1, 20),
  historyLength: count(2_000, 10_000),
  /** Revocations, after each of which every worker is asked. */
  revocations: count(100, 100_000),
})
