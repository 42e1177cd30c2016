/** What the clients of a simulation know and choose from. */
import type { Dice } from '../dice.ts'
import type { Deed } from '../deed.ts'
import type { Model } from '../model.ts'

export interface Client {
  readonly model: Model
  readonly dice: Dice
  /** Every credential that was ever seen, also of what is gone: those must stay refused. */
  readonly known: { readonly tokens: string[]; readonly secretIds: string[]; readonly wrapped: string[]; readonly leases: string[]; readonly roleIds: string[] }
  /** The credential of each lease that was ever seen. */
  readonly issued: Map<string, string>
  serial: number
}

export type Idea = (client: Client) => Deed

export const kvPaths = ['kv-a', 'kv-b'] as const
export const renterPaths = ['creds-a', 'creds-b'] as const
export const secretNames = ['one', 'two', 'dir/three'] as const
export const policyNames = ['p0', 'p1', 'p2'] as const
export const roleNames = ['r0', 'r1'] as const

/** Of the latest, which are mostly alive, or of all. */
export function pickKnown({ dice }: Client, from: readonly string[]): string | null {
  if (from.length === 0) return null
  return dice.pick(dice.chance(0.8) ? from.slice(-8) : from)
}

/** Mostly root, so that most of it happens; else whoever. */
export function someCaller(client: Client): string {
  return (client.dice.chance(0.35) ? pickKnown(client, client.known.tokens) : null) ?? client.model.rootToken
}
