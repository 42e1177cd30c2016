/**
 * Whether a history of one key can be explained by an order in which its operations happened one after the other, each at some moment between its beginning
 * and its end (Wing and Gong, "Testing and Verifying Concurrent Objects", 1993; with the memory of states that Lowe added, 2017). The key is a register that counts its writes, as
 * KV version 2 does.
 */

interface State {
  /** 0: nothing was written yet. */
  readonly version: number
  readonly value: string | null
}

export interface Operation {
  /** Moments of one clock; the end is infinite when no answer came. */
  readonly began: number
  readonly ended: number
  /** Null: does not fit. Of one whose answer never came: as it would have been done. */
  readonly apply: (state: State) => State | null
}

export const reading = (found: State) => (state: State): State | null => (state.version === found.version && state.value === found.value ? state : null)

/** `version` is that of the answer; null when none came. */
export const writing = (value: string, version: number | null) => (state: State): State | null =>
  version === null || version === state.version + 1 ? { version: state.version + 1, value } : null

/** A write that was to be done only at a version. `isDone` is null when no answer came. */
export const settingIf = (value: string, at: number, isDone: boolean | null) => (state: State): State | null => {
  if (isDone === false) return state.version === at ? null : state
  return state.version === at ? { version: at + 1, value } : null
}

/** Where an explanation has come to: all known operations before `from` are done, of the later ones `ahead`, and of those without an answer `happened`. */
interface Point {
  readonly from: number
  readonly ahead: readonly number[]
  readonly happened: readonly number[]
  readonly state: State
}

const start: State = { version: 0, value: null }

export function isLinearizable(operations: readonly Operation[]): boolean {
  const known = operations.filter(({ ended }) => ended !== Infinity).toSorted((a, b) => a.began - b.began)
  const unknown = operations.filter(({ ended }) => ended === Infinity)
  const seen = new Set<string>()
  const open: Point[] = [{ from: 0, ahead: [], happened: [], state: start }]
  for (let point = open.pop(); point !== undefined; point = open.pop()) {
    if (point.from === known.length) return true
    for (const next of nextPoints(point, known, unknown)) {
      const key = JSON.stringify(next)
      if (!seen.has(key)) open.push(next)
      seen.add(key)
    }
  }
  return false
}

function nextPoints(point: Point, known: readonly Operation[], unknown: readonly Operation[]): Point[] {
  const { from, ahead, happened, state } = point
  const points: Point[] = []
  // What ends first bounds what may come before it.
  let firstEnd = Infinity
  for (let i = from; i < known.length; i++) {
    const operation = known[i] as Operation
    if (operation.began > firstEnd) break
    if (!ahead.includes(i)) firstEnd = Math.min(firstEnd, operation.ended)
  }
  for (const [i, { began, apply }] of unknown.entries()) {
    const after = began < firstEnd && !happened.includes(i) ? apply(state) : null
    if (after !== null) points.push({ ...point, happened: [...happened, i].toSorted((a, b) => a - b), state: after })
  }
  for (let i = from; i < known.length; i++) {
    const { began, apply } = known[i] as Operation
    if (began > firstEnd) break
    const after = ahead.includes(i) ? null : apply(state)
    if (after !== null) points.push({ ...advanced(from, [...ahead, i]), happened, state: after })
  }
  return points
}

function advanced(from: number, done: readonly number[]): Pick<Point, 'from' | 'ahead'> {
  let next = from
  while (done.includes(next)) next += 1
  return { from: next, ahead: done.filter((i) => i >= next).toSorted((a, b) => a - b) }
}
