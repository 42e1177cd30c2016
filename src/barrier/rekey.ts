/**
 * Rekeying as `sys/rekey/*` does it: new shares for the unseal key (and with it a new root key), or for the recovery key, authorised by the
 * old ones. The state lives in the memory of one process (see `ShareProgress`) and ends with it, or when the barrier is sealed.
 */
import { randomBytes, randomUUID } from 'node:crypto'
import { aeadKeyLength } from '../crypto/aead.ts'
import { isEqualSecret } from '../crypto/keys.ts'
import type { Recipient } from '../crypto/openpgp/recipient.ts'
import { badRequest } from '../kit/errors.ts'
import type { Write } from '../kit/store.ts'
import type { Barrier } from './barrier.ts'
import { sealedError } from './keyring.ts'
import { backupOf, fingerprintsOf, sharesFor, writeOfBackup } from './pgp-shares.ts'
import { resolveAuthority, resolveSeal, type Authority } from './seals/authority.ts'
import type { Seal } from './seals/seal.ts'
import { checkShareConfig, combineKey, createShares, encodeShares, shamirSeal, shamirType, type ShareConfig } from './seals/shamir.ts'
import { ShareProgress } from './seals/share-progress.ts'
import { SerialQueue } from './serial-queue.ts'
import type { RecoverySetup } from './setup.ts'

export interface RekeyRequest extends ShareConfig {
  readonly requireVerification: boolean
  /** Whose PGP keys the new shares are encrypted to, in the order of the shares; null or absent: nobody's. */
  readonly recipients?: readonly Recipient[] | null
  /** Whether the server keeps the encrypted shares. */
  readonly backup?: boolean
  /**
   * The type of the seal from now on: the present one, unless given. 'shamir' moves from an automatic seal to shares; the type of the
   * configured automatic seal moves there.
   */
  readonly sealType?: string
}

/** The answer of `GET sys/rekey/init`, in the words of the wire. */
export interface RekeyStatus {
  readonly nonce: string
  readonly started: boolean
  readonly t: number
  readonly n: number
  readonly progress: number
  readonly required: number
  readonly pgp_fingerprints: readonly string[] | null
  readonly backup: boolean
  readonly verification_required: boolean
  readonly verification_nonce?: string
}

/** The answer to the share that completes `sys/rekey/update`. */
export interface RekeyResult {
  readonly nonce: string
  readonly complete: true
  readonly keys: readonly string[]
  readonly keys_base64: readonly string[]
  readonly pgp_fingerprints: readonly string[] | null
  readonly backup: boolean
  readonly verification_required: boolean
  readonly verification_nonce?: string
}

/** The answer of `GET sys/rekey/verify`. */
export interface VerifyStatus {
  readonly nonce: string
  readonly started: boolean
  readonly t: number
  readonly n: number
  readonly progress: number
}

export interface VerifyResult {
  readonly nonce: string
  readonly complete: true
}

interface Attempt {
  readonly nonce: string
  readonly request: RekeyRequest
  readonly sealType: string
  readonly progress: ShareProgress
  /** The new key, which becomes valid once its shares are verified. */
  verification: { readonly key: Buffer; nonce: string; readonly progress: ShareProgress } | null
}

export class Rekey {
  readonly #barrier: Barrier
  readonly #kind: 'barrier' | 'recovery'
  readonly #automatic: Seal | null
  readonly #queue = new SerialQueue()
  #attempt: Attempt | null = null

  /** `automatic` is the automatic seal that the server is configured with, if any. */
  constructor(barrier: Barrier, kind: 'barrier' | 'recovery', automatic: Seal | null) {
    this.#barrier = barrier
    this.#kind = kind
    this.#automatic = automatic
  }

  async status(): Promise<RekeyStatus> {
    this.#check()
    const { required } = await resolveAuthority(this.#barrier)
    const attempt = this.#attempt
    return {
      nonce: attempt?.nonce ?? '',
      started: attempt !== null,
      t: attempt?.request.threshold ?? 0,
      n: attempt?.request.shares ?? 0,
      progress: attempt?.progress.count ?? 0,
      required,
      pgp_fingerprints: fingerprintsOf(attempt?.request.recipients ?? null),
      backup: attempt?.request.backup ?? false,
      verification_required: attempt?.request.requireVerification ?? false,
      ...(attempt?.verification ? { verification_nonce: attempt.verification.nonce } : {}),
    }
  }

  /** Begins. Throws 'bad_request' when a rekey is under way, or the new shares cannot be. */
  async start(request: RekeyRequest): Promise<RekeyStatus> {
    return await this.#queue.run(async () => {
      this.#check()
      const { type, isAutomatic } = await resolveSeal(this.#barrier)
      if (this.#kind === 'recovery' && !isAutomatic) throw badRequest('recovery rekeying not supported')
      const sealType = request.sealType ?? type
      const checked = this.#checkRequest(request, sealType)
      if (this.#attempt !== null) throw badRequest('rekey already in progress')
      this.#attempt = { nonce: randomUUID(), request: checked, sealType, progress: new ShareProgress(), verification: null }
      return await this.status()
    })
  }

  /** Takes one of the present shares. Completes, or asks for verification, with the last one needed. */
  async update(share: Buffer, nonce: string): Promise<RekeyStatus | RekeyResult> {
    return await this.#queue.run(async () => {
      const attempt = this.#resolve()
      if (attempt.verification !== null) throw badRequest('rekey operation already finished; verification must be performed')
      checkNonce(nonce, attempt.nonce, 'rekey')
      const authority = await resolveAuthority(this.#barrier)
      if (attempt.progress.add(share) === 'known') throw badRequest('given key has already been provided during this rekey operation')
      if (attempt.progress.count < authority.required) return await this.status()
      const heir = await attempt.progress.spend((shares) => this.#proven(authority, shares))
      return await this.#finish(attempt, heir)
    })
  }

  /** Ends a rekey that is under way; does nothing when none is. With a nonce, only that one. */
  async cancel(nonce?: string): Promise<void> {
    await this.#queue.run(async () => {
      this.#check()
      if (this.#attempt !== null && nonce !== undefined) checkNonce(nonce, this.#attempt.nonce, 'rekey')
      this.#forget()
    })
  }

  async verifyStatus(): Promise<VerifyStatus> {
    const { request, verification } = this.#resolve()
    return {
      nonce: verification?.nonce ?? '',
      started: verification !== null,
      t: request.threshold,
      n: request.shares,
      progress: verification?.progress.count ?? 0,
    }
  }

  /** Takes one of the new shares. With as many as the new threshold, the new key becomes valid. */
  async verify(share: Buffer, nonce: string): Promise<VerifyStatus | VerifyResult> {
    return await this.#queue.run(async () => {
      const attempt = this.#resolve()
      const { verification } = attempt
      if (verification === null) throw badRequest('no rekey verification in progress')
      checkNonce(nonce, verification.nonce, 'verification')
      if (verification.progress.add(share) === 'known') throw badRequest('given key has already been provided during this verify operation')
      if (verification.progress.count < attempt.request.threshold) return await this.verifyStatus()
      const right = await verification.progress.spend(async (shares) => isKeyOf(verification.key, shares))
      if (!right) throw badRequest('rekey verification failed: the given keys are not the new ones')
      await this.#apply(attempt, verification.key)
      this.#forget()
      return { nonce, complete: true }
    })
  }

  /** Forgets the new shares given so far; a new nonce is needed from here on. */
  async restartVerification(): Promise<VerifyStatus> {
    return await this.#queue.run(async () => {
      const { verification } = this.#resolve()
      verification?.progress.reset()
      if (verification !== null) verification.nonce = randomUUID()
      return await this.verifyStatus()
    })
  }

  /** The request as it will be carried out: an automatic seal has one share, which nobody sees. */
  #checkRequest(request: RekeyRequest, sealType: string): RekeyRequest {
    if (this.#kind === 'barrier' && sealType !== shamirType) {
      if (this.#automatic?.type !== sealType) throw badRequest(`no seal of the type "${sealType}" is configured`)
      if (request.requireVerification) throw badRequest(`there are no new keys to verify with the "${sealType}" seal`)
      if (request.recipients) throw badRequest(`there are no new keys to encrypt with the "${sealType}" seal`)
      return { ...request, shares: 1, threshold: 1 }
    }
    const { recipients = null, backup = false, shares } = request
    if (recipients !== null && recipients.length !== shares) throw badRequest('incorrect number of PGP keys for rekey')
    if (recipients === null && backup) throw badRequest('cannot request a backup of the new keys without providing PGP keys for encryption')
    checkShareConfig(this.#kind === 'barrier' ? 'invalid rekey seal configuration' : 'invalid recovery configuration', request)
    return request
  }

  /** Throws 'bad_request'. Resolves with the unseal key of people who give it up for a seal that needs nobody: their shares become those of the recovery key. */
  async #proven(authority: Authority, shares: readonly Buffer[]): Promise<RecoverySetup | null> {
    if (!(await authority.isProvenBy(shares))) throw badRequest('rekey aborted: the given keys are not valid')
    const { isAutomatic, shares: count, threshold } = await resolveSeal(this.#barrier)
    const key = isAutomatic || this.#kind === 'recovery' ? null : combineKey(shares)
    return key === null ? null : { key, config: { shares: count, threshold } }
  }

  async #finish(attempt: Attempt, heir: RecoverySetup | null): Promise<RekeyResult> {
    const { request, nonce } = attempt
    const key = randomBytes(aeadKeyLength)
    const isShared = this.#kind === 'recovery' || attempt.sealType === shamirType
    const shares = isShared ? createShares(key, request) : []
    const shown = sharesFor(request.recipients ?? null, shares)
    const backup = request.recipients && request.backup === true ? [writeOfBackup(this.#kind, backupOf(nonce, request.recipients, shown))] : []
    const result: RekeyResult = {
      nonce,
      complete: true,
      ...encodeShares(shown),
      pgp_fingerprints: fingerprintsOf(request.recipients ?? null),
      backup: backup.length > 0,
      verification_required: request.requireVerification,
    }
    for (const share of shares) share.fill(0)
    if (request.requireVerification) {
      heir?.key.fill(0)
      // Kept before they count: whoever loses the answer can still verify them.
      if (backup.length > 0) await this.#barrier.values.commit([], backup)
      attempt.verification = { key, nonce: randomUUID(), progress: new ShareProgress() }
      return { ...result, verification_nonce: attempt.verification.nonce }
    }
    await this.#apply(attempt, key, backup, heir).finally(() => {
      key.fill(0)
      heir?.key.fill(0)
    })
    this.#forget()
    return result
  }

  async #apply({ request, sealType }: Attempt, key: Buffer, besides: readonly Write[] = [], heir: RecoverySetup | null = null): Promise<void> {
    const config = { shares: request.shares, threshold: request.threshold }
    if (this.#kind === 'recovery') await this.#barrier.rekeyRecovery({ key, config }, besides)
    else if (sealType === shamirType) await this.#barrier.rekey({ seal: shamirSeal(key), config }, besides)
    else if (this.#automatic !== null) await this.#barrier.rekey({ seal: this.#automatic, config: { shares: 0, threshold: 0 } }, [], heir)
  }

  #resolve(): Attempt {
    this.#check()
    if (this.#attempt === null) throw badRequest(`no ${this.#kind} rekey in progress`)
    return this.#attempt
  }

  /** While sealed there is no rekey, and what was under way is over. */
  #check(): void {
    if (!this.#barrier.isSealed) return
    this.#forget()
    throw sealedError()
  }

  #forget(): void {
    this.#attempt?.progress.reset()
    this.#attempt?.verification?.progress.reset()
    this.#attempt?.verification?.key.fill(0)
    this.#attempt = null
  }
}

function checkNonce(nonce: string, expected: string, operation: string): void {
  if (nonce !== expected) throw badRequest(`incorrect nonce supplied for this ${operation} operation`)
}

function isKeyOf(key: Buffer, shares: readonly Buffer[]): boolean {
  const combined = combineKey(shares)
  const same = combined !== null && isEqualSecret(combined, key)
  combined?.fill(0)
  return same
}
