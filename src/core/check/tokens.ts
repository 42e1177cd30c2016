/** Tokens and everything that points at them, in both directions. */
import type { LayeredStore } from '../../storage/layered.ts'
import { opaqueStore, type Base } from '../base.ts'
import { leaseRecords, placeOf, tokenExpiryKey } from '../leases/record.ts'
import { hashAccessor, leaseIdOf } from '../tokens/create.ts'
import { accessorRecords, childKey, tokenRecords, type TokenRecord } from '../tokens/record.ts'
import { remains } from '../tokens/revoke.ts'
import { namesUnder, type Findings } from './findings.ts'

/** What was learned of the tokens, for the checks that follow. */
export interface KnownTokens {
  /** From cubbyhole ids, of living tokens and of those that are being removed, to whether something wrapped must lie there. */
  readonly cubbyholes: ReadonlyMap<string, boolean>
  /** Accessors of the auth mounts that gave the tokens, each with a key of such a token. */
  readonly mountAccessors: ReadonlyMap<string, string>
}

export async function checkTokens(base: Base, findings: Findings): Promise<KnownTokens> {
  const check = new TokenCheck(base, findings)
  for await (const hash of namesUnder(check.store, 'token/')) await findings.guard(`token/${hash}`, () => check.token(hash))
  for await (const hash of namesUnder(check.store, 'accessor/')) await findings.guard(`accessor/${hash}`, () => check.accessor(hash))
  for await (const parent of namesUnder(check.store, 'child/')) {
    for await (const child of namesUnder(check.store, `child/${parent}`)) await findings.guard(
      `child/${parent}${child}`, () => check.child(parent.slice(0, -1), child)
    )
  }
  for await (const hash of namesUnder(check.store, 'revoking/')) await findings.guard(`revoking/${hash}`, () => check.note(hash))
  return check
}

/** Whether a note says that what this token held is still being removed. */
export const isBeingRevoked = async (store: LayeredStore, hash: string): Promise<boolean> => (await remains.read(store, hash)) !== null

class TokenCheck implements KnownTokens {
  readonly store: LayeredStore
  readonly cubbyholes = new Map<string, boolean>()
  readonly mountAccessors = new Map<string, string>()
  readonly #base: Base
  readonly #findings: Findings

  constructor(base: Base, findings: Findings) {
    this.#base = base
    this.#findings = findings
    this.store = opaqueStore(base)
  }

  async token(hash: string): Promise<void> {
    const record = await tokenRecords.read(this.store, hash)
    if (record === null) return
    const key = `token/${hash}`
    const expect = (isTrue: boolean, problem: string): void => this.#findings.expect(isTrue, key, problem)
    expect(record.hash === hash, 'is the record of another token')
    expect(record.numUses === 0 || (record.usesLeft > 0 && record.usesLeft <= record.numUses), 'has no use left, or more than it was given')
    expect(record.cubbyholeId !== '' && !this.cubbyholes.has(record.cubbyholeId), 'has no cubbyhole of its own')
    this.cubbyholes.set(record.cubbyholeId, record.wrapping !== undefined)
    if (record.mountAccessor !== '') this.mountAccessors.set(record.mountAccessor, key)
    const accessor = await accessorRecords.read(this.store, hashAccessor(this.#base, record.accessor))
    expect(accessor?.hash === hash && accessor.accessor === record.accessor, 'is not found by its accessor')
    if (record.expiresAt > 0) expect(await this.#has(tokenExpiryKey(record.expiresAt, hash)), 'is not in the index of expiry')
    await this.#lease(record, expect)
    if (record.parent !== null) await this.#parent(record, record.parent, expect)
  }

  async #lease(record: TokenRecord, expect: (isTrue: boolean, problem: string) => void): Promise<void> {
    const id = leaseIdOf(record)
    const place = placeOf(this.#base, id)
    const lease = await leaseRecords.read(this.store, place.folder, place.suffix)
    expect(lease !== null && lease.id === id && lease.tokenHash === record.hash && lease.secret === null, 'has no lease')
  }

  async #parent({ hash }: TokenRecord, parent: string, expect: (isTrue: boolean, problem: string) => void): Promise<void> {
    expect(await this.#has(childKey(parent, hash)), 'is not known to its parent as a child')
    const isThere = await this.#has(tokenRecords.key(parent))
    expect(isThere || (await isBeingRevoked(this.store, parent)), 'has a parent that is gone, and nobody is to remove it')
  }

  async accessor(hash: string): Promise<void> {
    const record = await accessorRecords.read(this.store, hash)
    const token = record === null ? null : await tokenRecords.read(this.store, record.hash)
    this.#findings.expect(token !== null && hashAccessor(this.#base, token.accessor) === hash, `accessor/${hash}`, 'leads to no token')
  }

  async child(parent: string, child: string): Promise<void> {
    const token = await tokenRecords.read(this.store, child)
    const isRight = token?.parent === parent || (token === null && (await isBeingRevoked(this.store, parent)))
    this.#findings.expect(isRight, `child/${parent}/${child}`, 'is no child of this parent')
  }

  async note(hash: string): Promise<void> {
    const note = await remains.read(this.store, hash)
    if (note === null) return
    this.#findings.expect(note.hash === hash, `revoking/${hash}`, 'is the note of another token')
    this.#findings.expect(!(await this.#has(tokenRecords.key(hash))), `revoking/${hash}`, 'is a note for a token that lives')
    if (note.cubbyholeId !== '') this.cubbyholes.set(note.cubbyholeId, false)
  }

  async #has(key: string): Promise<boolean> {
    return (await this.store.get(key)) !== null
  }
}
