/** What lies in the cubbyholes belongs to a token, and every wrapping token has something to unwrap. */
import { decodeRecord } from '../../barrier/record.ts'
import { opaqueStore, type Base } from '../base.ts'
import { keysUnder, type Findings } from './findings.ts'
import type { KnownMounts } from './mounts.ts'
import type { KnownTokens } from './tokens.ts'

const wrappedFolder = '.wrapped/'

export async function checkCubbyholes(
  base: Base, { cubbyhole }: KnownMounts, { cubbyholes }: KnownTokens, findings: Findings
): Promise<void> {
  const store = opaqueStore(base)
  const wrapped = new Set<string>()
  // Wrapped answers are in no list, so the records are read as they lie, not through the tree.
  for await (const key of keysUnder(store, `t/${cubbyhole}/r/`)) {
    await findings.guard(key, async () => {
      const entry = await store.get(key)
      if (entry === null) return
      const { path } = decodeRecord(entry.value)
      const isWrapped = path.startsWith(wrappedFolder)
      const id = isWrapped ? path.slice(wrappedFolder.length) : path.slice(0, path.indexOf('/'))
      if (isWrapped) wrapped.add(id)
      findings.expect(cubbyholes.has(id), key, 'lies in the cubbyhole of a token that is gone')
    })
  }
  for (const [id, isWrapping] of cubbyholes) findings.expect(
    !isWrapping || wrapped.has(id), 'cubbyhole/', 'a wrapping token has nothing to unwrap'
  )
}
