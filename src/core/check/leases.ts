/** Leases, their folders, who holds them, and the index of expiry, in both directions. */
import type { LayeredStore } from '../../storage/layered.ts'
import { opaqueStore, type Base } from '../base.ts'
import {
  expiryPrefix, folderOf, folderRecords, hashFolder, heldKey, irrevocableKey, irrevocablePrefix, leaseExpiryKey, leaseRecords, parseExpiryName, parseLeaseReference, placeOf,
  type LeaseRecord, type SecretLease,
} from '../leases/record.ts'
import { leaseIdOf } from '../tokens/create.ts'
import { tokenRecords } from '../tokens/record.ts'
import { namesUnder, type Findings } from './findings.ts'
import type { KnownMounts } from './mounts.ts'
import { isBeingRevoked } from './tokens.ts'

export async function checkLeases(base: Base, mounts: KnownMounts, findings: Findings): Promise<void> {
  const check = new LeaseCheck(base, mounts, findings)
  for await (const folder of namesUnder(check.store, 'lease/')) {
    for await (const suffix of namesUnder(check.store, `lease/${folder}`)) await findings.guard(
      `lease/${folder}${suffix}`, () => check.lease(folder.slice(0, -1), suffix)
    )
  }
  for await (const hash of namesUnder(check.store, 'held/')) {
    for await (const name of namesUnder(check.store, `held/${hash}`)) await findings.guard(
      `held/${hash}${name}`, () => check.held(hash.slice(0, -1), name)
    )
  }
  for await (const name of namesUnder(check.store, expiryPrefix)) await findings.guard(expiryPrefix + name, () => check.expiry(name))
  for await (const name of namesUnder(check.store, irrevocablePrefix)) await findings.guard(irrevocablePrefix + name, () => check.irrevocable(name))
  await check.folders()
}

class LeaseCheck {
  readonly store: LayeredStore
  readonly #base: Base
  readonly #mounts: KnownMounts
  readonly #findings: Findings

  constructor(base: Base, mounts: KnownMounts, findings: Findings) {
    this.#base = base
    this.#mounts = mounts
    this.#findings = findings
    this.store = opaqueStore(base)
  }

  async lease(folder: string, suffix: string): Promise<void> {
    const lease = await leaseRecords.read(this.store, folder, suffix)
    if (lease === null) return
    const key = `lease/${folder}/${suffix}`
    const place = placeOf(this.#base, lease.id)
    this.#findings.expect(place.folder === folder && place.suffix === suffix, key, 'lies at the place of another')
    await this.#checkFolders(key, lease)
    if (lease.secret === null) return await this.#ofToken(key, lease)
    await this.#ofSecret(key, lease, lease.secret)
  }

  async #ofToken(key: string, lease: LeaseRecord): Promise<void> {
    const token = await tokenRecords.read(this.store, lease.tokenHash)
    this.#findings.expect(token !== null && leaseIdOf(token) === lease.id, key, 'is the lease of no token')
  }

  async #ofSecret(key: string, lease: LeaseRecord, secret: SecretLease): Promise<void> {
    const place = placeOf(this.#base, lease.id)
    const expect = (isTrue: boolean, problem: string): void => this.#findings.expect(isTrue, key, problem)
    expect(this.#mounts.uuids.has(secret.mountUuid), 'has no mount')
    expect(await this.#has(secret.irrevocable ? irrevocableKey(place) : leaseExpiryKey(secret.expiresAt, place)), `is not in the index of ${secret.irrevocable ? 'those that cannot be revoked' : 'expiry'}`)
    // What its engine could not revoke may outlive the token that held it.
    if (lease.tokenHash === '' || secret.failures > 0) return
    const isHeld = await this.#has(tokenRecords.key(lease.tokenHash))
    expect( isHeld || (await isBeingRevoked(this.store, lease.tokenHash)), 'is held by no token, and nobody is to remove it')
    expect(await this.#has(heldKey(lease.tokenHash, place)), 'is not known to the token that holds it')
  }

  /** Each folder above the lease, up to the root, is in the folder above it. */
  async #checkFolders(key: string, { id }: LeaseRecord): Promise<void> {
    for (let folder = id.slice(0, id.lastIndexOf('/') + 1); folder !== ''; folder = folderOf(folder)) {
      const parent = folderOf(folder)
      const record = await folderRecords.read(this.store, hashFolder(this.#base, parent), hashFolder(this.#base, folder))
      if (record?.name !== folder.slice(parent.length)) return this.#findings.report(key, 'lies in a folder that is in no list')
    }
  }

  async held(hash: string, name: string): Promise<void> {
    const place = parseLeaseReference(name)
    const lease = await leaseRecords.read(this.store, place.folder, place.suffix)
    const isRight = (lease?.tokenHash === hash && lease.secret !== null) || (lease === null && (await isBeingRevoked(this.store, hash)))
    this.#findings.expect(isRight, `held/${hash}/${name}`, 'is no lease of this token')
  }

  async expiry(name: string): Promise<void> {
    const { kind, dueAt, reference } = parseExpiryName(name)
    this.#findings.expect((await this.#dueOf(kind, reference)) === dueAt, expiryPrefix + name, `is no time at which a ${kind} expires`)
  }

  async irrevocable(name: string): Promise<void> {
    const { folder, suffix } = parseLeaseReference(name)
    const lease = await leaseRecords.read(this.store, folder, suffix)
    this.#findings.expect(lease?.secret?.irrevocable === true, irrevocablePrefix + name, 'is no lease that cannot be revoked')
  }

  async #dueOf(kind: 'token' | 'lease', reference: string): Promise<number | null> {
    if (kind === 'token') return (await tokenRecords.read(this.store, reference))?.expiresAt ?? null
    const place = parseLeaseReference(reference)
    return (await leaseRecords.read(this.store, place.folder, place.suffix))?.secret?.expiresAt ?? null
  }

  /** Every record of a folder is reached from the root. */
  async folders(): Promise<void> {
    const reached = new Set<string>()
    const open = ['']
    for (let folder = open.pop(); folder !== undefined; folder = open.pop()) {
      const parent = hashFolder(this.#base, folder)
      for await (const child of namesUnder(this.store, `folder/${parent}/`)) {
        const record = await folderRecords.read(this.store, parent, child)
        if (record === null) continue
        this.#findings.expect(
          hashFolder(this.#base, folder + record.name) === child, `folder/${parent}/${child}`, 'has another name than its key says'
        )
        reached.add(parent)
        open.push(folder + record.name)
      }
    }
    for await (const parent of namesUnder(this.store, 'folder/')) this.#findings.expect(
      reached.has(parent.slice(0, -1)), `folder/${parent}`, 'is not reached from the root'
    )
  }

  async #has(key: string): Promise<boolean> {
    return (await this.store.get(key)) !== null
  }
}
