/** Issuers by name or id. */
import { badRequest } from '../../kit/errors.ts'
import type { Transaction } from '../../kit/store.ts'
import { issuers, readIndex, roles, rolesFolder, type Issuer, type IssuerEntry, type IssuerIndex } from './records.ts'

export const defaultRef = 'default'

/** The word `default` counts in any case. */
export const refOf = (written: string): string => (written.trim().toLowerCase() === defaultRef ? defaultRef : written.trim())

const noDefault = (): Error => badRequest('no default issuer currently configured')

/** Null when nothing has this name or id. Throws `bad_request` when the default is asked for and there is none. */
export function findEntry({ defaultId, issuers: known }: IssuerIndex, ref: string): IssuerEntry | null {
  if (ref === defaultRef && defaultId === '') throw noDefault()
  const wanted = ref === defaultRef ? defaultId : ref
  return known.find(({ id }) => id === wanted) ?? known.find(({ name }) => name !== '' && name === wanted) ?? null
}

/** Throws `bad_request`. */
export function resolveEntry(index: IssuerIndex, ref: string): IssuerEntry {
  const entry = findEntry(index, ref)
  if (entry === null) throw badRequest(`unable to find issuer for reference: ${ref}`)
  return entry
}

export async function resolveIssuer(store: Transaction, ref: string): Promise<Issuer> {
  const entry = resolveEntry(await readIndex(store), refOf(ref))
  const issuer = await issuers.read(store, entry.id)
  if (issuer === null) throw badRequest(`ssh issuer id '${entry.id}' does not exist`)
  return issuer
}

const rolesScannedMax = 10_000

/** The warning that roles name what has just lost its meaning; none if there are none. */
export async function warningsOfUse(store: Transaction, ref: string): Promise<string[]> {
  const names = await store.list(rolesFolder, { limit: rolesScannedMax })
  let count = 0
  for (const name of names) {
    const role = await roles.read(store, name)
    if (role?.key_type === 'ca' && role.issuer_ref === ref) count++
  }
  if (count === 0) return []
  return [names.length < rolesScannedMax ? `${count} roles reference '${ref}'` : `The name '${ref}' was in use by at least ${count} roles`]
}
