/**
 * The barrier: between it and the store everything is sealed. A root key, which only the seal can give, opens the keyring; the keyring
 * opens the rest. Nothing that grows with the data is read to unseal. Each process has its own `Barrier` over the shared store.
 */
import { randomBytes } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { aeadKeyLength, importAeadKey } from '../crypto/aead.ts'
import { isEqualSecret } from '../crypto/keys.ts'
import { badRequest, Conflict, internal } from '../kit/errors.ts'
import type { Expectation, Store, Write } from '../kit/store.ts'
import type { LayeredStore } from '../storage/layered.ts'
import { GenerationalCache } from './cache.ts'
import {
  createKeyringContent, type KeyringContent, newestTerm, openKeyring, type RotationConfig, sealKeyring, withNewTerm,
} from './keyring-record.ts'
import { Keyring, sealedError } from './keyring.ts'
import { DataForm } from './migrations.ts'
import { sealedNames } from './names.ts'
import { inherit, isKeyOfRecord, recoverableBy, recoveryRecordOf } from './recovery-record.ts'
import { decodeSealRecord, encodeSealRecord, rewriteSeal, type SealRecord } from './seal-record.ts'
import { recoveryPublicKey, sealToRecovery } from './seals/recovery.ts'
import { SerialQueue } from './serial-queue.ts'
import type { BarrierOptions, KeyStatus, RecoverySetup, SealSetup } from './setup.ts'
import { StagedStore } from './staging.ts'
import { encodeStoreRecord, storeKey } from './store-record.ts'
import { checkTree, type Finding } from './tree-check.ts'
import { KeyCache } from './tree-keys.ts'
import { readUsage, reserveUsage } from './usage.ts'
import { type SealedValues, sealedValues } from './values.ts'

/** Encryptions of the first initialisation that need no reservation, because its one commit counts them. */
const firstEncryptions = 65_536

const sealKey = 'barrier/seal'
const keyringKey = 'barrier/keyring'
const recoveryKey = 'barrier/recovery'
const unsealFailed = 'Unseal failed, invalid key'

export class Barrier {
  /**
   * Values sealed, keys as they are: for keys that say nothing. Keys under `barrier/` and `t/` belong to the barrier. Like every tree,
   * it is the same object for the life of the barrier, and throws `ApiError` 'sealed' while it is sealed.
   */
  readonly values: LayeredStore
  readonly #store: Store
  /** The store, but for the time of the initialisation. */
  readonly #base: StagedStore
  readonly #values: SealedValues
  readonly #keyring: Keyring
  readonly #options: BarrierOptions
  readonly #queue = new SerialQueue()
  readonly #keyCache = new KeyCache(8 * 2 ** 20)
  readonly #trees = new GenerationalCache<LayeredStore>(8_192)
  #rootKey: KeyObject | null = null
  /** Version of the record of the store whose keys are open: see `store-record.ts`. */
  #storeVersion = 0
  #isInitializing = false
  #keyChanges = 0
  readonly form: DataForm
  /** Grows with each `seal`, so that an unsealing that was under way does not win over it. */
  #sealings = 0

  constructor(store: Store, options: BarrierOptions) {
    this.#options = options
    this.#store = store
    this.#base = new StagedStore(store)
    this.form = new DataForm(store, options)
    this.#keyring = new Keyring({
      reload: () => this.#reload(),
      fence: () => this.#fence(),
      follow: () => this.follow(),
      reserve: (active, count) => reserveUsage(this.#base, this.#keyring, active, count),
    })
    this.#values = sealedValues(this.#base, this.#keyring, options.cacheBytes === undefined ? {} : { cacheBytes: options.cacheBytes })
    this.values = this.#values
  }

  get isSealed(): boolean {
    return this.#isInitializing || this.form.isMigrating || !this.#keyring.isOpen
  }

  /** Grows whenever this process gets or makes another root key. */
  get keyChanges(): number {
    return this.#keyChanges
  }

  async isInitialized(): Promise<boolean> {
    return (await this.readSeal()) !== null
  }

  /** The seal record, which can be read while sealed; null before the initialisation. */
  async readSeal(): Promise<SealRecord | null> {
    const entry = await this.#store.get(sealKey)
    return entry === null ? null : decodeSealRecord(entry.value)
  }

  /** The store of records under names that clients chose; `name` is [a-z0-9-], 1 to 64 characters. */
  tree(name: string): LayeredStore {
    const known = this.#trees.get(name)
    if (known !== undefined) return known
    const tree = sealedNames(this.#values, name, () => this.#keyring.subkey('names'), { cache: this.#keyCache })
    this.#trees.set(name, tree, 1)
    return tree
  }

  /**
   * 32 secret bytes for one use, the same for the life of the store. Do not keep it: throws 'sealed' while sealed. The labels 'names' and
   * 'recovery' are the barrier's own.
   */
  subkey(label: string): KeyObject {
    return this.#keyring.subkey(label)
  }

  /** An Ed25519 private key for one use, with the same rules. */
  signingKey(label: string): KeyObject {
    return this.#keyring.signingKey(label)
  }

  /** Everything that is wrong with a tree, see `tree-check.ts`; nobody may write to it meanwhile. */
  async checkTree(name: string): Promise<Finding[]> {
    return await checkTree(this.#values, name, () => this.#keyring.subkey('names'))
  }

  /**
   * Makes a new root key and keyring, and runs `first` with the barrier as if it were unsealed (`isSealed` stays true for everybody
   * else): all that is written meanwhile becomes durable in the one commit that initialises, or not at all. The barrier is sealed
   * afterwards. Throws 'bad_request' when the store is initialised already.
   */
  async initialize<T>(setup: SealSetup, recovery: RecoverySetup | null, first: () => Promise<T>): Promise<T> {
    // Asked again after the wait: of two calls at once, one has to lose.
    if (this.#isInitializing || (await this.isInitialized()) || this.#isInitializing) throw badRequest('Vault is already initialized')
    this.#isInitializing = true
    try {
      return await this.#base.stage(sealKey, () => this.#makeAll(setup, recovery, first))
    } catch (error) {
      if (error instanceof Conflict && error.key === sealKey) throw badRequest('Vault is already initialized')
      throw error
    } finally {
      this.seal()
      this.#isInitializing = false
    }
  }

  /**
   * Unseals with the root key (copied: the caller wipes it), also to take over a new root key while unsealed. Throws 'bad_request' when
   * it is not the root key, or nothing is initialised.
   */
  async unseal(rootKey: Uint8Array): Promise<void> {
    const sealings = this.#sealings
    // Read first: should the store be replaced in between, its keyring is newer than this, and the next commit finds out.
    const store = await this.#base.get(storeKey)
    this.form.of(store)
    const record = await this.#base.get(keyringKey)
    if (record === null) throw badRequest('Vault is not initialized')
    if (rootKey.length !== aeadKeyLength) throw badRequest(unsealFailed)
    const key = importAeadKey(Buffer.from(rootKey))
    const content = openKeyring(record.value, key)
    if (content === null) throw badRequest(unsealFailed)
    if (sealings !== this.#sealings) throw sealedError()
    this.#rootKey = key
    this.#storeVersion = store?.version ?? 0
    this.#keyChanges += 1
    this.#keyring.load(content, record.version)
    await this.#orSeal(() => this.form.bringUp(this))
  }

  /** Forgets all keys and everything that was opened with them. */
  seal(): void {
    this.#sealings += 1
    this.#rootKey = null
    this.#keyring.close()
    this.#values.forget()
    this.#keyCache.clear()
  }

  /** Forgets what was opened, not the keys: whatever is read from now on is proven anew. */
  forgetOpened(): void {
    this.#values.forget()
  }

  /** A copy of the root key, for a supervisor that hands it to its workers over IPC and wipes it. */
  exportRootKey(): Buffer {
    if (this.#rootKey === null) throw sealedError()
    return this.#rootKey.export()
  }

  /** Whether this is the root key, in constant time. */
  isRootKey(candidate: Uint8Array): boolean {
    const rootKey = this.exportRootKey()
    const isEqual = isEqualSecret(rootKey, candidate)
    rootKey.fill(0)
    return isEqual
  }

  /** Whether this is the recovery key, in constant time; false when there is none. */
  async isRecoveryKey(candidate: Uint8Array): Promise<boolean> {
    return isKeyOfRecord(await this.#recoveryRecord(), this.#keyring.subkey('recovery'), candidate)
  }

  /** Adds a data key that seals from now on; what older ones sealed stays readable. Resolves with its term. */
  async rotate(): Promise<number> {
    const content = await this.#changeKeyring((current) => withNewTerm(current, this.#options.now()))
    return newestTerm(content).term
  }

  async readRotation(): Promise<RotationConfig> {
    await this.#keyring.reload()
    return this.#keyring.rotation
  }

  async setRotation(rotation: RotationConfig): Promise<void> {
    await this.#changeKeyring((current) => ({ ...current, rotation }))
  }

  async keyStatus(): Promise<KeyStatus> {
    await this.#keyring.reload()
    const { term, installed } = newestTerm(this.#keyring.content)
    const reserved = await readUsage(this.#base, this.#keyring, term)
    return { term, installed, encryptions: Math.max(0, reserved - this.#keyring.active.meter.left) }
  }

  /** Sealed when this fails: what is in the store is not for this process then. */
  async #orSeal<T>(work: () => T | Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      this.seal()
      throw error
    }
  }

  /** Whether the root key that is open here opens this keyring record, of a snapshot for instance. */
  opensKeyring(record: Uint8Array): boolean {
    return this.#rootKey !== null && openKeyring(record, this.#rootKey) !== null
  }

  /**
   * Takes over what is in the store when it has been replaced as a whole; true when it has. Where the root key does not open what is there
   * now, the barrier is sealed from then on, and 'sealed' thrown.
   */
  async follow(): Promise<boolean> {
    if (this.#isInitializing) return false
    const store = await this.#base.get(storeKey)
    if ((store?.version ?? 0) === this.#storeVersion || this.#rootKey === null) return false
    const isOld = await this.#orSeal(() => this.form.of(store) < this.form.current)
    const record = await this.#base.get(keyringKey)
    const content = record === null || this.#rootKey === null ? null : openKeyring(record.value, this.#rootKey)
    if (record === null || content === null) {
      this.seal()
      this.#options.onRootKeyChanged?.()
      throw sealedError()
    }
    if ((store?.version ?? 0) <= this.#storeVersion) return true // Somebody else in this process was faster.
    this.#values.forget()
    this.#keyCache.clear()
    this.#keyring.close()
    this.#keyring.load(content, record.version)
    this.#storeVersion = store?.version ?? 0
    if (isOld && !this.form.isMigrating) await this.#orSeal(() => this.form.bringUp(this))
    return true
  }

  /** To be called every few seconds: follows what other processes did to the keyring, and rotates when that is due. */
  async tick(): Promise<void> {
    if (this.isSealed) return
    await this.#keyring.reload()
    if (this.isSealed || !(await this.#isRotationDue())) return
    const { term } = this.#keyring.active
    await this.#changeKeyring((current) => (newestTerm(current).term === term ? withNewTerm(current, this.#options.now()) : current))
  }

  /**
   * Makes a new root key and protects it by another seal, or the same one with another key, in one commit. Other processes go on with the
   * keys that they have; they need the new root key to follow the next change of the keyring. `besides`: writes to `values` of the same commit. `heir`: see `inherit`. */
  async rekey({ seal, config }: SealSetup, besides: readonly Write[] = [], heir: RecoverySetup | null = null): Promise<void> {
    await this.#queue.run(async () => {
      await this.#keyring.reload()
      const rootKey = randomBytes(aeadKeyLength)
      try {
        const wrapped = await seal.wrap(rootKey)
        const record = await this.#base.get(sealKey)
        const { recovery, kept } = inherit(seal.isAutomatic && record !== null ? decodeSealRecord(record.value).recovery : null, seal.isAutomatic ? heir : null, this.#keyring.subkey('recovery'))
        const recoverable = recovery === null ? null : recoverableBy(kept ?? (await this.#recoveryRecord()), rootKey)
        const value = encodeSealRecord({ type: seal.type, isAutomatic: seal.isAutomatic, ...config, wrapped, recovery, recoverable })
        const all = kept === null ? besides : [...besides, { put: recoveryKey, value: kept }]
        await this.#commitRootKey(record?.version ?? 0, value, importAeadKey(Buffer.from(rootKey)), (await this.#values.lower([], all)).writes)
      } finally {
        rootKey.fill(0)
      }
    })
  }

  /**
   * Protects the same root key otherwise: `wrap` gets it, and how it is wrapped now, and gives what to keep instead; null for no change. Resolves with whether
   * anything changed. Only for automatic seals.
   */
  async reseal(type: string, wrap: (rootKey: Uint8Array, wrapped: Uint8Array) => Promise<Uint8Array | null>): Promise<boolean> {
    return await this.#queue.run(async () => {
      const rootKey = this.exportRootKey()
      return await rewriteSeal(this.#base, sealKey, type, (wrapped) => wrap(rootKey, wrapped)).finally(() => rootKey.fill(0))
    })
  }

  /** Replaces the recovery key. `besides`: as for `rekey`. */
  async rekeyRecovery({ key, config }: RecoverySetup, besides: readonly Write[] = []): Promise<void> {
    await this.#queue.run(async () => {
      const record = await this.#base.get(sealKey)
      if (record === null) throw badRequest('Vault is not initialized')
      const kept = recoveryRecordOf(this.#keyring.subkey('recovery'), key)
      const rootKey = this.exportRootKey()
      const value = encodeSealRecord({ ...decodeSealRecord(record.value), recovery: config, recoverable: recoverableBy(kept, rootKey) })
      rootKey.fill(0)
      const { writes } = await this.#values.lower([], [{ put: recoveryKey, value: kept }, ...besides])
      await this.#base.commit([{ key: sealKey, version: record.version }], [{ put: sealKey, value }, ...writes])
    })
  }

  async #makeAll<T>({ seal, config }: SealSetup, recovery: RecoverySetup | null, first: () => Promise<T>): Promise<T> {
    const rootKey = randomBytes(aeadKeyLength)
    try {
      const wrapped = await seal.wrap(rootKey)
      const { type, isAutomatic } = seal
      const recoverable = recovery === null ? null : sealToRecovery(recoveryPublicKey(recovery.key), rootKey)
      const record = encodeSealRecord({ type, isAutomatic, ...config, wrapped, recovery: recovery?.config ?? null, recoverable })
      this.#rootKey = importAeadKey(Buffer.from(rootKey))
      const content = createKeyringContent(this.#options.now(), this.#options.random)
      const keyring = { put: keyringKey, value: sealKeyring(content, this.#rootKey) }
      this.#storeVersion = await this.#base.commit([], [{ put: sealKey, value: record }, keyring, { put: storeKey, value: encodeStoreRecord(this.form.current) }])
      this.#keyring.load(content, this.#storeVersion, firstEncryptions)
      if (recovery !== null) await this.values.commit([], [{ put: recoveryKey, value: recoveryRecordOf(this.#keyring.subkey('recovery'), recovery.key) }])
      const made = await first()
      const { active } = this.#keyring
      await reserveUsage(this.#base, this.#keyring, active, Math.max(0, firstEncryptions - active.meter.left))
      return made
    } finally {
      rootKey.fill(0)
    }
  }

  async #recoveryRecord(): Promise<Uint8Array | null> {
    return (await this.values.get(recoveryKey))?.value ?? null
  }

  async #commitRootKey(sealVersion: number, record: Uint8Array, rootKey: KeyObject, besides: readonly Write[]): Promise<void> {
    const { content, version } = this.#keyring
    const commit = await this.#base.commit(
      [{ key: sealKey, version: sealVersion }, { key: keyringKey, version }],
      [{ put: sealKey, value: record }, { put: keyringKey, value: sealKeyring(content, rootKey) }, ...besides],
    )
    if (!this.#keyring.isOpen) return
    this.#rootKey = rootKey
    this.#keyChanges += 1
    this.#keyring.load(content, commit)
  }

  /** Commits a changed keyring, from its newest state, and takes it over. Nothing happens when `change` returns what it was given. */
  async #changeKeyring(change: (current: KeyringContent) => KeyringContent): Promise<KeyringContent> {
    return await this.#queue.run(async () => {
      for (let attempt = 1; ; attempt += 1) {
        await this.#keyring.reload()
        const { content, version } = this.#keyring
        const changed = change(content)
        if (changed === content) return content
        if (this.#rootKey === null) throw sealedError()
        try {
          const write = { put: keyringKey, value: sealKeyring(changed, this.#rootKey) }
          const commit = await this.#base.commit([{ key: keyringKey, version }], [write])
          if (this.#keyring.isOpen) this.#keyring.load(changed, commit)
          return changed
        } catch (error) {
          if (!(error instanceof Conflict)) throw error
          if (attempt === 5) throw internal('the keyring was changed by another process whose root key is not known here', { cause: error })
        }
      }
    })
  }

  async #fence(): Promise<Expectation> {
    await this.follow()
    this.#keyring.check()
    return { key: storeKey, version: this.#storeVersion }
  }

  async #reload(): Promise<void> {
    await this.follow()
    const record = await this.#base.get(keyringKey)
    // Versions only grow, so what was read late cannot undo what was loaded meanwhile.
    if (record === null || this.#rootKey === null || record.version <= this.#keyring.version) return
    const content = openKeyring(record.value, this.#rootKey)
    if (content === null) this.#options.onRootKeyChanged?.()
    else this.#keyring.load(content, record.version)
  }

  async #isRotationDue(): Promise<boolean> {
    const { enabled, interval, maxOperations } = this.#keyring.rotation
    if (!enabled) return false
    const { installed, encryptions } = await this.keyStatus()
    return encryptions >= maxOperations || (interval > 0 && this.#options.now() - installed >= interval)
  }
}
