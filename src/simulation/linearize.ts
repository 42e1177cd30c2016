/**
 * Whether answers to requests that ran at the same time can be explained: by some order in which each was done alone, and, where the answer
 * never came, by it having happened wholly, partly or not at all.
 */
import { enact, type Deed, type Extent, type Seen } from './deed.ts'
import type { Model } from './model.ts'

export interface Done {
  readonly deed: Deed
  readonly seen: Seen
}

/** Leaves the model as the explanation says, or, when there is none, as it was. `after` was seen when all of the others were over, in its order. */
export function explain(model: Model, together: readonly Done[], after: readonly Done[]): boolean {
  const [first, ...others] = together
  if (first === undefined) return inOrder(model, after)
  for (const [index, done] of together.entries()) {
    const left = index === 0 ? others : together.filter((other) => other !== done)
    for (const extent of extentsOf(model, done)) {
      const mark = model.mark()
      if (enact(model, done.deed, done.seen, extent) && explain(model, left, after)) return true
      model.rollback(mark)
    }
  }
  return false
}

const known: readonly Extent[] = ['all']
const unknown: readonly Extent[] = ['all', 'nothing']
const unknownWithUses: readonly Extent[] = ['all', 'only spent', 'nothing']

function extentsOf(model: Model, { deed, seen }: Done): readonly Extent[] {
  if (seen !== null) return known
  return deed.ask.token !== null && model.tokens.get(deed.ask.token)?.hasUses === true ? unknownWithUses : unknown
}

function inOrder(model: Model, dones: readonly Done[]): boolean {
  model.isAfterwards = true
  const isRight = dones.every(({ deed, seen }) => enact(model, deed, seen))
  model.isAfterwards = false
  return isRight
}
