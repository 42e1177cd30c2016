/** What the path of a quota holds for, and which of several counts. The same for rate limits and lease counts. */

export interface QuotaPlace {
  readonly name: string
  /** '' for everything, a folder (`secret/`, `auth/userpass/login/`), a beginning (`secret/data/app*`), or one path. */
  readonly path: string
  /** '' for all; else it holds only for logins with this role of the auth mount at `path`. */
  readonly role: string
}

/** What a path must be for a quota to hold: everything below what ends in '/', everything that begins like what ends in '*', or that path alone. */
export function isOfQuota({ path }: Pick<QuotaPlace, 'path'>, asked: string): boolean {
  if (path.endsWith('*')) return asked.startsWith(path.slice(0, -1))
  return path === '' || path.endsWith('/') ? asked.startsWith(path) : asked.replace(/\/$/, '') === path
}

/** Roles are compared without case, as some methods keep them. */
export const isForRole = (quota: QuotaPlace, role: string): boolean => quota.role.toLowerCase() === role.toLowerCase()

/** The most precise first: a role, then the longest path. */
export const byPrecision = (a: QuotaPlace, b: QuotaPlace): number =>
  Number(a.role === '') - Number(b.role === '') || b.path.length - a.path.length || (a.name < b.name ? -1 : 1)
