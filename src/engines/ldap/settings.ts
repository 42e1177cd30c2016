/** The settings of a connection that are shown, with their defaults: those of Vault. */

export interface Settings {
  readonly url: string
  readonly binddn: string
  readonly userdn: string
  readonly userattr: string
  readonly upndomain: string
  readonly schema: Schema
  readonly certificate: string
  readonly starttls: boolean
  readonly insecure_tls: boolean
  readonly tls_min_version: string
  readonly tls_max_version: string
  /** Seconds. */
  readonly request_timeout: number
  readonly connection_timeout: number
  readonly skip_static_role_import_rotation: boolean
  // The rest is of logins, and shown as it was given.
  readonly anonymous_group_search: boolean
  readonly case_sensitive_names: boolean
  readonly deny_null_bind: boolean
  readonly dereference_aliases: string
  readonly discoverdn: boolean
  readonly groupattr: string
  readonly groupdn: string
  readonly groupfilter: string
  readonly max_page_size: number
  readonly use_token_groups: boolean
  readonly userfilter: string
  readonly username_as_alias: boolean
}

export const schemas = ['openldap', 'racf', 'ad'] as const
export type Schema = (typeof schemas)[number]

export const tlsVersions = { tls12: 'TLSv1.2', tls13: 'TLSv1.3' } as const

export const usualUserAttribute: Readonly<Record<Schema, string>> = { openldap: 'cn', ad: 'userPrincipalName', racf: 'racfid' }

export const usual: Settings = Object.freeze({
  url: 'ldap://127.0.0.1', binddn: '', userdn: '', userattr: 'cn', upndomain: '', schema: 'openldap', certificate: '', starttls: false, insecure_tls: false,
  tls_min_version: 'tls12', tls_max_version: 'tls12', request_timeout: 90, connection_timeout: 30, skip_static_role_import_rotation: false,
  anonymous_group_search: false, case_sensitive_names: false, deny_null_bind: true, dereference_aliases: 'never', discoverdn: false, groupattr: 'cn', groupdn: '',
  groupfilter: '(|(memberUid={{.Username}})(member={{.UserDN}})(uniqueMember={{.UserDN}}))', max_page_size: 0, use_token_groups: false,
  userfilter: '({{.UserAttr}}={{.Username}})', username_as_alias: false,
})
