/**
 * Checks the whole stored state: everything opens, every tree is sound, all indexes agree in both directions, nothing is left of what is
 * gone, and no known secret is readable below the barrier. For tests, which call it at their end, and for operators. Nothing may write
 * meanwhile: what is under way would show as a finding.
 */
import { opaqueStore, type Base } from '../base.ts'
import { checkCubbyholes } from './cubbyholes.ts'
import { Findings, keysUnder, namesUnder, type StateFinding } from './findings.ts'
import { checkIdentity } from './identity.ts'
import { checkLeases } from './leases.ts'
import { checkMounts } from './mounts.ts'
import { checkQuotas } from './quotas.ts'
import { checkRawStore, findInRaw } from './raw.ts'
import { checkTokens } from './tokens.ts'

export interface StateCheckOptions {
  /** Secrets, and names that clients chose, of 6 bytes and more: they must not be readable in the store below the barrier, nor in `raw`. */
  readonly secrets?: readonly string[]
  /** Further bytes that must not hold any of the secrets: the file of the store, of an audit device, of a log. */
  readonly raw?: readonly { readonly name: string; readonly bytes: Uint8Array }[]
  /** Whether nothing may wait to be removed: true after the sweeper has run. */
  readonly isSettled?: boolean
}

/** Everything that is wrong; empty when the state is sound. Throws only what the store throws, and `sealed`. */
export async function checkState(base: Base, options: StateCheckOptions = {}): Promise<readonly StateFinding[]> {
  const { secrets = [], raw = [], isSettled = false } = options
  const findings = new Findings()
  // What is kept in memory was opened once; here it is the stored bytes that must open.
  base.barrier.forgetOpened()
  await checkValues(base, findings)
  // A record that cannot be decoded and that everything else builds on ends the comparison: it is a finding, and the rest would be noise.
  await findings.guard('mounts/', () => checkIndexes(base, findings))
  if (isSettled) await checkSettled(base, findings)
  await checkRawStore(opaqueStore(base).base, secrets, findings)
  for (const { name, bytes } of raw) for (const { needle, form, offset } of findInRaw(bytes, secrets)) findings.report(
    name, `text ${needle} is readable (${form}) at byte ${offset}`
  )
  return findings.list
}

async function checkIndexes(base: Base, findings: Findings): Promise<void> {
  const mounts = await checkMounts(base, findings)
  const tokens = await checkTokens(base, findings)
  for (const [accessor, where] of tokens.mountAccessors) findings.expect(
    mounts.accessors.has(accessor), where, 'was given by an auth mount that is gone'
  )
  await checkLeases(base, mounts, findings)
  await checkQuotas(base, findings)
  await checkCubbyholes(base, mounts, tokens, findings)
  await checkIdentity(base, findings)
}

const kinds = new Set([
  'token', 'accessor', 'child', 'revoking', 'lease', 'folder', 'held', 'expiry', 'irrevocable', 'revocation', 'leaving', 'lockout', 'entity', 'alias', 'alias-id', 'entity-merged',
  'generation', 'mounts-generation', 'lease-quotas', 'lease-count', 'lease-recount', 'leader',
])
/** Sealed for the root key, or not at all: the barrier checks them when it unseals. */
const ownSeal = new Set(['barrier/seal', 'barrier/keyring', 'barrier/store'])

/** Everything outside of the trees opens, and is of a kind that these checks know. */
async function checkValues(base: Base, findings: Findings): Promise<void> {
  const store = opaqueStore(base)
  for await (const name of namesUnder(store, '')) {
    const kind = name.replace(/\/$/, '')
    if (kind === 't') continue
    findings.expect(kind === 'barrier' || kinds.has(kind), name, 'is of a kind that this check does not know')
    for await (const key of name.endsWith('/') ? keysUnder(store, name) : [name]) {
      if (!ownSeal.has(key)) await findings.guard(key, async () => void (await store.get(key)))
    }
  }
}

async function checkSettled(base: Base, findings: Findings): Promise<void> {
  for await (const hash of namesUnder(opaqueStore(base), 'revoking/')) findings.report(`revoking/${hash}`, 'is still to be finished')
  for await (const uuid of namesUnder(
    base.barrier.tree('ns-root'), 'removals/'
  )) findings.report(`removal ${uuid}`, 'is still to be finished')
}
