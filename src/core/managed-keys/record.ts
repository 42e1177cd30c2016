/** What is stored of a managed key: where it is, how it is reached, and what it may be used for. */
import { records } from '../../kit/records.ts'

export interface ManagedKeyRecord {
  readonly id: string
  readonly name: string
  /** Name of a library of the configuration. */
  readonly library: string
  /** Decimal; null: by the label. */
  readonly slot: string | null
  readonly tokenLabel: string | null
  readonly pin: string
  readonly keyLabel: string
  /** Hex. */
  readonly keyId: string
  readonly keyType: 'rsa' | 'ec' | 'ed25519'
  /** With which it was defined: `RSA_PKCS`, `RSA_PKCS_PSS`, `ECDSA` or `EDDSA`. */
  readonly mechanism: string
  /** Of a key that is to be made; 0 for Ed25519. */
  readonly keyBits: number
  readonly mayBeMade: boolean
  readonly anyMount: boolean
  /** Empty: all. */
  readonly usages: readonly string[]
}

/** Under the one type that there is. */
export const managedKeyRecords = records<ManagedKeyRecord, [name: string]>((name) => `managed-keys/pkcs11/${encodeURIComponent(name)}`)
export const managedKeysFolder = 'managed-keys/pkcs11/'
export const managedKeyNames = records<{ readonly name: string }, [id: string]>((id) => `managed-key-ids/${encodeURIComponent(id)}`)
