/** What the SSH engine stores. */
import { badRequest } from '../../kit/errors.ts'
import { records } from '../../kit/records.ts'
import type { Transaction } from '../../kit/store.ts'

/** Settings as the API names and shows them; lists are comma texts, as they were given. */
export interface OtpRole {
  readonly key_type: 'otp'
  readonly default_user: string
  readonly allowed_users: string
  readonly cidr_list: string
  readonly exclude_cidr_list: string
  readonly port: number
}

export interface CaRole {
  readonly key_type: 'ca'
  readonly algorithm_signer: 'default' | 'ssh-rsa' | 'rsa-sha2-256' | 'rsa-sha2-512'
  readonly allow_bare_domains: boolean
  readonly allow_empty_principals: boolean
  readonly allow_host_certificates: boolean
  readonly allow_subdomains: boolean
  readonly allow_user_certificates: boolean
  readonly allow_user_key_ids: boolean
  readonly allowed_critical_options: string
  readonly allowed_domains: string
  readonly allowed_domains_template: boolean
  readonly allowed_extensions: string
  readonly allowed_user_key_lengths: Readonly<Record<string, readonly number[]>>
  readonly allowed_users: string
  readonly allowed_users_template: boolean
  readonly default_critical_options: Readonly<Record<string, string>>
  readonly default_extensions: Readonly<Record<string, string>>
  readonly default_extensions_template: boolean
  readonly default_user: string
  readonly default_user_template: boolean
  readonly issuer_ref: string
  readonly key_id_format: string
  /** Seconds. */
  readonly max_ttl: number
  readonly not_before_duration: number
  readonly ttl: number
}

export type Role = OtpRole | CaRole

export const rolesFolder = 'roles/'
export const roles = records<Role, [name: string]>((name) => rolesFolder + name)

/** Which issuers there are: what every signature asks, and all that changes when one comes or goes. */
export interface IssuerIndex {
  /** '' when there is none. */
  readonly defaultId: string
  readonly issuers: readonly IssuerEntry[]
}

export interface IssuerEntry {
  readonly id: string
  /** '' when it has none. */
  readonly name: string
  /** SHA-256 of the public key, in hex. */
  readonly fingerprint: string
}

export interface Issuer {
  readonly id: string
  /** As it was given, with its comment. */
  readonly publicKey: string
  /** PKCS #8 in PEM. */
  readonly privateKey: string
}

const index = records<IssuerIndex, []>(() => 'issuers')
const noIssuers: IssuerIndex = Object.freeze({ defaultId: '', issuers: [] })

export const readIndex = async (store: Pick<Transaction, 'get'>): Promise<IssuerIndex> => (await index.read(store)) ?? noIssuers
export const writeIndex = (store: Transaction, value: IssuerIndex): void => index.write(store, value)
export const issuers = records<Issuer, [id: string]>((id) => `issuer/${id}`)

/** A password that was given out and not used. It lies under its hash: what is stored logs nobody in. */
export interface Otp {
  readonly username: string
  readonly ip: string
  readonly role_name: string
  /** When its lease ends; milliseconds since 1970. */
  readonly expiresAt: number
}

export const otps = records<Otp, [hash: string]>((hash) => `otp/${hash}`)
/** Roles whose passwords may be for any address. */
export const zeroAddress = records<{ readonly roles: readonly string[] }, []>(() => 'zeroaddress')

/** Throws `bad_request` with the text that clients know. */
export async function resolveRole(store: Transaction, name: string, unknown: string): Promise<Role> {
  const role = await roles.read(store, name)
  if (role === null) throw badRequest(unknown)
  return role
}

/** Items of a comma text, without blanks around them. */
export const itemsOf = (text: string): string[] => text.split(',').map((item) => item.trim()).filter((item) => item !== '')
