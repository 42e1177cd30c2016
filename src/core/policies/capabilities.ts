/** The words that policies are made of, as bits so that a rule's set of them is one number. */

export const capabilityNames = ['create', 'delete', 'list', 'patch', 'read', 'recover', 'scan', 'subscribe', 'sudo', 'update'] as const
/** What a rule can grant. `deny` is not among them: it takes all of them away. */
export type Capability = (typeof capabilityNames)[number]

const bits: ReadonlyMap<string, number> = new Map(capabilityNames.map((name, i) => [name, 1 << i]))

/** The bit of a capability, or 0 for a word that is none. */
export const bitOf = (name: string): number => bits.get(name) ?? 0

/** Alphabetical, as `sys/capabilities` lists them; `['deny']` where nothing is granted. */
export function namesOf(granted: number): readonly string[] {
  const names = capabilityNames.filter((name) => (granted & bitOf(name)) !== 0)
  return names.length === 0 ? denied : names
}

const denied: readonly string[] = Object.freeze(['deny'])

const reading = ['read', 'list']
const writing = ['create', 'read', 'update', 'delete', 'list']
/** What the old `policy = "…"` of a rule stands for. */
export const oldPolicies: ReadonlyMap<string, readonly string[]> = new Map([
  ['deny', ['deny']],
  ['read', reading],
  ['write', writing],
  ['sudo', [...writing, 'sudo']],
])
