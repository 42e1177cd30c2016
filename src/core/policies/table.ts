/** The policies of a namespace as they are stored, and the access rules of a set of them, compiled once for as long as no policy changes. */
import { records } from '../../kit/records.ts'
import type { Transaction } from '../../kit/store.ts'
import { namedStore, type Base } from '../base.ts'
import { currentGeneration } from '../generation.ts'
import { compileAcl, type Acl } from './acl.ts'
import { parsePolicy, type Policy } from './parse.ts'

export interface PolicyRecord {
  readonly name: string
  /** As it was sent. */
  readonly text: string
  readonly modifiedAt: number
  readonly version: number
}

export const policyRecords = records<PolicyRecord, [name: string]>((name) => `policies/acl/${encodeURIComponent(name)}`)
export const passwordPolicyRecords = records<PolicyRecord, [name: string]>((name) => `policies/password/${encodeURIComponent(name)}`)

export interface PolicyTable {
  /** The rules that a token with these policies (sorted) is judged by. Policies that do not exist grant nothing. */
  readonly aclOf: (names: readonly string[]) => Promise<Acl>
  /** Drops what is kept. */
  readonly forget: () => void
  readonly exists: (name: string, reader?: Pick<Transaction, 'get'>) => Promise<boolean>
}

const cacheMax = 5_000

export function policyTable(base: Base): PolicyTable {
  let generation = -1
  let compiled = new Map<string, Acl>()
  let parsed = new Map<string, Policy | null>()
  const find = async (name: string): Promise<Policy | null> => {
    const known = parsed.get(name)
    if (known !== undefined) return known
    const record = await policyRecords.read(namedStore(base), name)
    const policy = record === null ? null : parsePolicy(name, record.text)
    parsed.set(name, policy)
    return policy
  }
  return {
    async aclOf(names) {
      const now = await currentGeneration(base)
      if (now !== generation || compiled.size > cacheMax || parsed.size > cacheMax) [generation, compiled, parsed] = [now, new Map(), new Map()]
      const key = JSON.stringify(names)
      const known = compiled.get(key)
      if (known !== undefined) return known
      const [into, policies] = [compiled, await Promise.all(names.filter((n) => n !== 'root').map(find))]
      const acl = compileAcl(policies.filter((p) => p !== null), { isRoot: names.includes('root') })
      into.set(key, acl)
      return acl
    },
    forget: () => void ([generation, compiled, parsed] = [-1, new Map(), new Map()]),
    async exists(name, reader = namedStore(base)) {
      return name === 'root' || (await policyRecords.read(reader, name)) !== null
    },
  }
}
