/** First phase of a certificate: what is wanted, out of the request's fields and, when signing, out of the CSR. Nothing is judged here. */
import type { AlternativeNames, OtherName } from '../../crypto/x509/general-names.ts'
import { attributeTypes, valuesOf } from '../../crypto/x509/name.ts'
import type { SigningRequest } from '../../crypto/x509/request.ts'
import { badRequest } from '../../kit/errors.ts'
import { isHostname, parseOtherNames, toAscii } from './names.ts'
import type { Role } from './role-fields.ts'

/** The fields of a request that name the holder. */
export interface NameInput {
  readonly common_name: string
  readonly alt_names: string
  readonly ip_sans: readonly string[]
  readonly uri_sans: readonly string[]
  readonly other_sans: readonly string[]
  readonly serial_number: string
  readonly exclude_cn_from_sans: boolean
  readonly user_ids?: readonly string[]
}

export interface Wanted {
  readonly commonName: string
  /** Attribute of the subject, not of the certificate. */
  readonly serialNumber: string
  readonly userIds: readonly string[]
  readonly names: AlternativeNames
  /** Where the names come from, for the texts of refusals. */
  readonly source: 'api' | 'csr'
}

const unique = (items: readonly string[]): string[] => [...new Set(items)]

/** Throws `bad_request` for what can be no name at all. */
export function collect(role: Role, input: NameInput, csr: SigningRequest | null): Wanted {
  const commonName = commonNameOf(role, input, csr)
  const fromCsr = csr !== null && role.use_csr_sans ? csr.names : null
  const listed = sortNames([
    ...(commonName === '' || input.exclude_cn_from_sans ? [] : [commonName]),
    ...(fromCsr !== null || input.alt_names.trim() === '' ? [] : input.alt_names.trim().split(',').map((name) => name.trim())),
  ])
  return {
    commonName,
    serialNumber: input.serial_number || serialFrom(role, csr),
    userIds: userIdsOf(input, csr),
    names: {
      dns: unique([...(fromCsr?.dns ?? []), ...listed.dns]),
      email: unique([...(fromCsr?.email ?? []), ...listed.email]),
      ip: unique(fromCsr?.ip ?? input.ip_sans),
      uri: unique(fromCsr?.uri ?? input.uri_sans),
      other: [...otherNamesOf(input.other_sans), ...(fromCsr?.other ?? [])],
    },
    source: fromCsr === null ? 'api' : 'csr',
  }
}

function commonNameOf(role: Role, input: NameInput, csr: SigningRequest | null): string {
  const fromCsr = csr !== null && role.use_csr_common_name ? (valuesOf(csr.subject, attributeTypes.commonName).at(-1) ?? '') : ''
  const name = fromCsr || input.common_name
  if (name === '' && role.require_cn) {
    throw badRequest('the common_name field is required, or must be provided in a CSR with "use_csr_common_name" set to true, unless "require_cn" is set to false')
  }
  return name
}

const serialFrom = (role: Role, csr: SigningRequest | null): string =>
  csr === null || role.serial_number_source === 'json' ? '' : (valuesOf(csr.subject, attributeTypes.serialNumber).at(-1) ?? '')

function userIdsOf({ user_ids }: NameInput, csr: SigningRequest | null): readonly string[] {
  if (user_ids === undefined) return []
  return user_ids.length > 0 || csr === null ? user_ids : valuesOf(csr.subject, attributeTypes.userId)
}

/** What has an @ is an address; what looks like no host name stays a common name only. */
function sortNames(names: readonly string[]): { readonly dns: readonly string[]; readonly email: readonly string[] } {
  const email = names.filter((name) => name.includes('@'))
  const dns = names.filter((name) => name !== '' && !name.includes('@')).map(toAscii)
  return { dns: dns.filter(isHostname), email }
}

function otherNamesOf(written: readonly string[]): OtherName[] {
  try {
    return parseOtherNames(written)
  } catch (cause) {
    throw badRequest(`could not parse requested other SAN: ${cause instanceof Error ? cause.message : 'malformed'}`, { cause })
  }
}
