/**
 * Whose consent rekey and generate-root need: the holders of the unseal keys; where the seal is automatic, those of the recovery key; and
 * where there is none, who can show the content of the key file, because that opens everything anyway.
 */
import { badRequest } from '../../kit/errors.ts'
import type { Barrier } from '../barrier.ts'
import type { SealRecord } from '../seal-record.ts'
import { keyFileSeal, keyFileType } from './key-file.ts'
import type { Seal } from './seal.ts'
import { copiesIn } from './several.ts'
import { combineKey, shamirSeal, type ShareConfig } from './shamir.ts'

export interface Authority {
  /** Shares that are needed. */
  readonly required: number
  /** Whether these shares (the caller wipes them) prove the right. Nothing can be learnt from the time it takes. */
  isProvenBy(shares: readonly Buffer[]): Promise<boolean>
}

/** Who may rekey and generate root tokens at present. Throws 'sealed', and 'bad_request' when nobody can. */
export async function resolveAuthority(barrier: Barrier): Promise<Authority> {
  const record = await resolveSeal(barrier)
  if (!record.isAutomatic) return sealAuthority(barrier, record, record, shamirSeal)
  if (record.recovery !== null) return recoveryAuthority(barrier, record.recovery)
  const ofFile = copiesIn(record.wrapped, record.type).find(({ type }) => type === keyFileType)
  if (ofFile !== undefined) return sealAuthority(barrier, ofFile, { shares: 1, threshold: 1 }, keyFileSeal)
  throw badRequest('there are no recovery keys, and the seal has no key that could be shown')
}

/** The seal record. Throws 'bad_request' before the initialisation. */
export async function resolveSeal(barrier: Barrier): Promise<SealRecord> {
  const record = await barrier.readSeal()
  if (record === null) throw badRequest('Vault is not initialized')
  return record
}

function sealAuthority(barrier: Barrier, record: Pick<SealRecord, 'wrapped'>, { threshold }: ShareConfig, sealOf: (key: Uint8Array) => Seal): Authority {
  return {
    required: threshold,
    isProvenBy: async (shares) => {
      const key = combineKey(shares)
      const rootKey = key === null ? null : await sealOf(key).unwrap(record.wrapped)
      key?.fill(0)
      if (rootKey === null) return false
      const proven = barrier.isRootKey(rootKey)
      rootKey.fill(0)
      return proven
    },
  }
}

function recoveryAuthority(barrier: Barrier, { threshold }: ShareConfig): Authority {
  return {
    required: threshold,
    isProvenBy: async (shares) => {
      const key = combineKey(shares)
      const proven = key !== null && (await barrier.isRecoveryKey(key))
      key?.fill(0)
      return proven
    },
  }
}
