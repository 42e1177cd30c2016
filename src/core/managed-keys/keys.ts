/** Managed keys at work: found by name or id, allowed for a mount or not, and asked for signatures. */
import { TokenError } from '../../crypto/pkcs11/errors.ts'
import type { KeyName, PublicPart } from '../../crypto/pkcs11/messages.ts'
import { ApiError, badRequest } from '../../kit/errors.ts'
import type { ManagedKeyRef, ManagedKeys } from '../../kit/managed-key.ts'
import { namedStore } from '../base.ts'
import type { Core } from '../core.ts'
import type { Mount } from '../mounts/table.ts'
import { managedKeyNames, managedKeyRecords, type ManagedKeyRecord } from './record.ts'
import type { TokenCaller } from './tokens.ts'

type Reach = Pick<Core, 'barrier' | 'tokens' | 'host' | 'settings' | 'registry'>

export const managedKeysOf = (core: Reach, mount: Pick<Mount, 'record'>): ManagedKeys => ({
  async describe(ref) {
    const record = await resolveFor(core, mount, ref)
    return { id: record.id, name: record.name, ...(await publicPartOf(core, record)) }
  },
  async sign({ id, type }, { hash, isPss }, data) {
    const record = await resolveFor(core, mount, { name: '', id })
    return await asked(record, () => tokenOf(core, record).call('sign', { terms: { key: keyName(record), type, hash, isPss }, data }))
  },
})

/** The one answer to names that are not there and to keys that the mount may not use: nobody learns here which keys there are. */
async function resolveFor(core: Reach, { record: { path, config } }: Pick<Mount, 'record'>, ref: ManagedKeyRef): Promise<ManagedKeyRecord> {
  const record = await findManagedKey(core, ref)
  const isAllowed = record !== null && (record.anyMount || config.allowed_managed_keys?.includes(record.name) === true)
  if (record === null || !isAllowed) {
    throw badRequest(`there is no managed key ${JSON.stringify(ref.name || ref.id)} that ${path} may use: allow it with allowed_managed_keys of the mount, or any_mount of the key`)
  }
  checkUsage(record)
  return record
}

function checkUsage({ name, usages }: ManagedKeyRecord): void {
  if (usages.length > 0 && !usages.includes('sign')) throw badRequest(`the managed key ${JSON.stringify(name)} is not for signing: see its usages`)
}

async function findManagedKey(core: Reach, { name, id }: ManagedKeyRef): Promise<ManagedKeyRecord | null> {
  const store = namedStore(core)
  const known = name !== '' ? name : (await managedKeyNames.read(store, id))?.name
  return known === undefined ? null : await managedKeyRecords.read(store, known)
}

/** The public half; the key is made where it is missing and may be. Throws 'bad_request' and 'bad_gateway'. */
export async function publicPartOf(core: Reach, record: ManagedKeyRecord): Promise<PublicPart> {
  const token = tokenOf(core, record)
  const key = keyName(record)
  const part = await asked(record, async () => {
    const known = await token.call('publicPart', { key })
    return known ?? (record.mayBeMade ? await token.call('generatePair', { key, type: record.keyType, bits: record.keyBits }) : null)
  })
  if (part === null) throw badRequest(`the token has no key pair of the managed key ${JSON.stringify(record.name)}, and allow_generate_key is not set`)
  if (part.type !== record.keyType) throw badRequest(`the managed key ${JSON.stringify(record.name)} is of the type ${part.type}, which does not do ${record.mechanism}`)
  return part
}

/** Signs something, to see whether it can. */
export async function trySigning(core: Reach, record: ManagedKeyRecord, hash: 'sha256' | 'sha384' | 'sha512', isPss: boolean): Promise<void> {
  checkUsage(record)
  const { type } = await publicPartOf(core, record)
  await asked(record, () => tokenOf(core, record).call('sign', { terms: { key: keyName(record), type, hash: type === 'ed25519' ? null : hash, isPss }, data: Buffer.from('coffer test') }))
}

const keyName = ({ keyLabel, keyId }: ManagedKeyRecord): KeyName => ({ label: keyLabel, id: keyId })

function tokenOf({ tokens }: Reach, { library, slot, tokenLabel, pin, mayBeMade }: ManagedKeyRecord): TokenCaller {
  const token = tokens.open(library, { slot, label: tokenLabel, pin, isReadOnly: !mayBeMade })
  if (token === null) throw badRequest(`the configuration of the server has no kms_library ${JSON.stringify(library)}`)
  return token
}

async function asked<T>({ name }: ManagedKeyRecord, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof TokenError)) throw error
    const isAway = error.failure === 'away' || error.failure === 'pin'
    throw new ApiError(isAway ? 'bad_gateway' : 'bad_request', `managed key ${JSON.stringify(name)}: ${error.message}`, { cause: error })
  }
}
