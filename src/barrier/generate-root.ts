/**
 * A new root token with the consent of the key holders, as `sys/generate-root/*` does it. The token is answered only under a one-time pad
 * that whoever began has, or encrypted to a PGP key. The state lives in the memory of one process (see `ShareProgress`).
 */
import { randomInt, randomUUID } from 'node:crypto'
import { encryptTo } from '../crypto/openpgp/encrypt.ts'
import type { Recipient } from '../crypto/openpgp/recipient.ts'
import { badRequest, internal } from '../kit/errors.ts'
import type { Barrier } from './barrier.ts'
import { sealedError } from './keyring.ts'
import { resolveAuthority } from './seals/authority.ts'
import { ShareProgress } from './seals/share-progress.ts'
import { SerialQueue } from './serial-queue.ts'

/** The answers of `sys/generate-root/*`, in the words of the wire. */
export interface GenerateRootStatus {
  readonly nonce: string
  readonly started: boolean
  readonly progress: number
  readonly required: number
  readonly complete: boolean
  readonly encoded_token: string
  readonly encoded_root_token: string
  readonly pgp_fingerprint: string
  readonly otp: string
  readonly otp_length: number
}

export interface GenerateRootOptions {
  /** Characters of a root token, and so of the one-time pad. */
  readonly tokenLength: number
  /** Makes and stores a root token; called once per completed attempt. */
  readonly issueToken: () => Promise<string>
}

interface Attempt {
  readonly nonce: string
  readonly otp: string
  /** Whose PGP key the token is encrypted to, in place of the one-time pad; null: nobody's. */
  readonly recipient: Recipient | null
  readonly progress: ShareProgress
}

export class GenerateRoot {
  readonly #barrier: Barrier
  readonly #options: GenerateRootOptions
  readonly #queue = new SerialQueue()
  #attempt: Attempt | null = null

  constructor(barrier: Barrier, options: GenerateRootOptions) {
    this.#barrier = barrier
    this.#options = options
  }

  async status(): Promise<GenerateRootStatus> {
    this.#check()
    const { required } = await resolveAuthority(this.#barrier)
    return this.#statusOf(required, { otp_length: this.#options.tokenLength })
  }

  /** Begins. With neither a one-time pad nor a recipient a pad is made, and shown in this answer only. */
  async start({ otp, recipient = null }: { readonly otp?: string; readonly recipient?: Recipient | null }): Promise<GenerateRootStatus> {
    return await this.#queue.run(async () => {
      this.#check()
      const given = otp !== undefined && otp !== ''
      if (given && recipient !== null) throw badRequest('otp and pgp_key cannot both be given')
      if (given && Buffer.byteLength(otp) !== this.#options.tokenLength) throw badRequest('OTP string is wrong length')
      if (this.#attempt !== null) throw badRequest('root generation already in progress')
      const { required } = await resolveAuthority(this.#barrier)
      const pad = given ? otp : recipient === null ? randomPad(this.#options.tokenLength) : ''
      this.#attempt = { nonce: randomUUID(), otp: pad, recipient, progress: new ShareProgress() }
      return this.#statusOf(required, { otp: given ? '' : pad, otp_length: this.#options.tokenLength })
    })
  }

  /** Takes one share. With the last one needed, the answer holds the token. */
  async update(share: Buffer, nonce: string): Promise<GenerateRootStatus> {
    return await this.#queue.run(async () => {
      this.#check()
      const attempt = this.#attempt
      if (attempt === null) throw badRequest('no root generation in progress')
      checkNonce(nonce, attempt)
      const authority = await resolveAuthority(this.#barrier)
      if (attempt.progress.add(share) === 'known') throw badRequest('given key has already been provided during this generation operation')
      const progress = attempt.progress.count
      if (progress < authority.required) return this.#statusOf(authority.required, {})
      const isProven = await attempt.progress.spend((shares) => authority.isProvenBy(shares))
      if (!isProven) throw badRequest('root generation aborted: the given keys are not valid')
      const token = await this.#options.issueToken()
      const encoded = attempt.recipient === null ? encodeToken(token, attempt.otp) : encryptTo(attempt.recipient, Buffer.from(token)).toString('base64')
      const status = this.#statusOf(authority.required, { progress, complete: true, encoded_token: encoded, encoded_root_token: encoded })
      this.#forget()
      return status
    })
  }

  /** Ends an attempt that is under way; does nothing when none is. With a nonce, only that one. */
  async cancel(nonce?: string): Promise<void> {
    await this.#queue.run(async () => {
      this.#check()
      if (this.#attempt !== null && nonce !== undefined) checkNonce(nonce, this.#attempt)
      this.#forget()
    })
  }

  #statusOf(required: number, shown: Partial<GenerateRootStatus>): GenerateRootStatus {
    return {
      nonce: this.#attempt?.nonce ?? '',
      started: this.#attempt !== null,
      progress: this.#attempt?.progress.count ?? 0,
      required,
      complete: false,
      encoded_token: '',
      encoded_root_token: '',
      pgp_fingerprint: this.#attempt?.recipient?.fingerprint ?? '',
      otp: '',
      otp_length: 0,
      ...shown,
    }
  }

  #check(): void {
    if (!this.#barrier.isSealed) return
    this.#forget()
    throw sealedError()
  }

  #forget(): void {
    this.#attempt?.progress.reset()
    this.#attempt = null
  }
}

function checkNonce(nonce: string, attempt: Attempt): void {
  if (nonce !== attempt.nonce) throw badRequest('incorrect nonce supplied for this root generation operation')
}

const padAlphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

const randomPad = (length: number): string => Array.from({ length }, () => padAlphabet[randomInt(padAlphabet.length)]).join('')

/** A token under a one-time pad of the same length: base64, without padding, of both XORed. */
export function encodeToken(token: string, otp: string): string {
  const bytes = Buffer.from(token)
  const pad = Buffer.from(otp)
  if (bytes.length !== pad.length) throw internal('a root token and its one-time pad differ in length')
  return Buffer.from(bytes.map((byte, i) => byte ^ (pad[i] as number))).toString('base64').replace(/=+$/, '')
}

/** The token again. Throws 'bad_request' when it is not base64, or the pad has another length. */
export function decodeToken(encoded: string, otp: string): string {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(encoded)) throw badRequest("'encoded_token' must be base64")
  const bytes = Buffer.from(encoded, 'base64')
  const pad = Buffer.from(otp)
  if (bytes.length !== pad.length) throw badRequest("'otp' must be as long as the token")
  return Buffer.from(bytes.map((byte, i) => byte ^ (pad[i] as number))).toString()
}
