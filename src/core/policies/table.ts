/** The policies of a namespace as they are stored, and the access rules of a set of them, compiled once for as long as no policy changes. */
import { records } from '../../kit/records.ts'
import type { Transaction } from '../../kit/store.ts'
import { GenerationalCache } from '../../barrier/cache.ts'
import { namedStore, type Base } from '../base.ts'
import { currentGeneration } from '../generation.ts'
import { compileAcl, type Acl } from './acl.ts'
import { parsePolicy, type Policy } from './parse.ts'
import type { IdentityView } from './template.ts'

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
  /**
   * The rules that a caller with these policies (sorted) is judged by. Policies that do not exist grant nothing. `identity` fills in templates;
   * callers hand in the same object for as long as the entity stays the same.
   */
  readonly aclOf: (names: readonly string[], identity?: IdentityView | null) => Promise<Acl>
  /** Drops what is kept. */
  readonly forget: () => void
  readonly exists: (name: string, reader?: Pick<Transaction, 'get'>) => Promise<boolean>
}

/** The rules of a set of policies. */
interface RulesOfSet {
  /** The names, as one text. */
  readonly key: string
  readonly policies: readonly Policy[]
  readonly isTemplated: boolean
  /** For all who have no entity, and for everybody where no policy of the set has a template. */
  readonly shared: Acl
}

/** Rules with the templates filled in for one entity at one version of it: `identity` is the very object that they were made for. */
interface Personal {
  readonly identity: IdentityView
  readonly acl: Acl
}

/** What was derived from the policies while the generation was this one. Work that began then goes on with it, and cannot touch a later one. */
interface Derived {
  readonly generation: number
  readonly parsed: Map<string, Policy | null>
  readonly sets: Map<string, RulesOfSet>
  readonly byList: WeakMap<readonly string[], RulesOfSet>
  readonly personal: GenerationalCache<Personal>
}

const setsMax = 5_000
/** Personal rules in all. */
const personalRulesMax = 65_536

const derivedAt = (generation: number): Derived => ({ generation, parsed: new Map(), sets: new Map(), byList: new WeakMap(), personal: new GenerationalCache(personalRulesMax) })

export function policyTable(base: Base): PolicyTable {
  let derived = derivedAt(-1)
  const derivedOf = (generation: number): Derived => {
    if (generation !== derived.generation || derived.sets.size > setsMax || derived.parsed.size > setsMax) derived = derivedAt(generation)
    return derived
  }
  return {
    async aclOf(names, identity = null) {
      const generation = currentGeneration(base)
      const from = derivedOf(typeof generation === 'number' ? generation : await generation)
      const rules = from.byList.get(names) ?? (await rulesOf(base, from, names))
      return identity === null || !rules.isTemplated ? rules.shared : personalAcl(base, from, rules, identity)
    },
    forget: () => void (derived = derivedAt(-1)),
    async exists(name, reader = namedStore(base)) {
      return name === 'root' || (await policyRecords.read(reader, name)) !== null
    },
  }
}

/** A frozen list of names belongs to a record, and comes again with it. */
async function rulesOf(base: Base, derived: Derived, names: readonly string[]): Promise<RulesOfSet> {
  const key = JSON.stringify(names)
  const rules = derived.sets.get(key) ?? (await compileSet(base, derived, key, names))
  if (Object.isFrozen(names)) derived.byList.set(names, rules)
  return rules
}

async function findPolicy(base: Base, { parsed }: Derived, name: string): Promise<Policy | null> {
  const known = parsed.get(name)
  if (known !== undefined) return known
  const record = await policyRecords.read(namedStore(base), name)
  const policy = record === null ? null : parsePolicy(name, record.text)
  parsed.set(name, policy)
  return policy
}

async function compileSet(base: Base, derived: Derived, key: string, names: readonly string[]): Promise<RulesOfSet> {
  const found = await Promise.all(names.filter((name) => name !== 'root').map((name) => findPolicy(base, derived, name)))
  const policies = found.filter((policy) => policy !== null)
  const isRoot = names.includes('root')
  const rules: RulesOfSet = {
    key,
    policies,
    isTemplated: !isRoot && policies.some((policy) => policy.isTemplated),
    shared: compileAcl(policies, { isRoot, now: base.host.now }),
  }
  derived.sets.set(key, rules)
  return rules
}

function personalAcl(base: Base, { personal }: Derived, { key: setKey, policies }: RulesOfSet, identity: IdentityView): Acl {
  const key = `${identity.entity?.id ?? ''} ${setKey}`
  const known = personal.get(key)
  if (known?.identity === identity) return known.acl
  const acl = compileAcl(policies, { identity, now: base.host.now })
  personal.set(key, { identity, acl }, policies.reduce((count, policy) => count + policy.rules.length, 1))
  return acl
}
