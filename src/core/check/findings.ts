/** What the checks of the stored state share: findings, and reading everything in pages. */
import { ApiError } from '../../kit/errors.ts'
import type { Store } from '../../kit/store.ts'

/** Something that does not agree. `where` is a key of the store, and neither text holds a name that a client chose, or a secret. */
export interface StateFinding {
  readonly where: string
  readonly problem: string
}

export class Findings {
  readonly list: StateFinding[] = []

  report(where: string, problem: string): void {
    this.list.push({ where, problem })
  }

  expect(isTrue: boolean, where: string, problem: string): void {
    if (!isTrue) this.report(where, problem)
  }

  /** What cannot be opened or decoded is a finding; other failures are the store's, and thrown. */
  async guard(where: string, work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      if (error instanceof ApiError && error.code === 'internal') this.report(where, error.detail ?? error.message)
      else if (isUndecodable(error)) this.report(where, 'cannot be decoded')
      else throw error
    }
  }
}

const isUndecodable = (error: unknown): boolean => error instanceof TypeError || (error instanceof ApiError && error.code === 'bad_request')

const pageMax = 1_000

/** The names right below a folder, in pages: a million of them are never in memory at once. */
export async function* namesUnder(store: Pick<Store, 'list'>, folder: string): AsyncGenerator<string> {
  for (let after = ''; ; ) {
    const names = await store.list(folder, { after, limit: pageMax })
    yield* names
    if (names.length < pageMax) return
    after = names.at(-1) as string
  }
}

/** All keys below a folder, at any depth. */
export async function* keysUnder(store: Pick<Store, 'list'>, folder: string): AsyncGenerator<string> {
  for await (const name of namesUnder(store, folder)) {
    if (name.endsWith('/')) yield* keysUnder(store, folder + name)
    else yield folder + name
  }
}
