/** Paths as people type them. */

/** Without slashes and spaces around. */
export const trimPath = (path: string): string => path.trim().replace(/^\/+|\/+$/g, '').trim()

export const withSlash = (path: string): string => {
  const bare = path.trim()
  return bare === '' || bare.endsWith('/') ? bare : `${bare}/`
}

/** Joins with single slashes; empty parts are left out. */
export const joinPath = (...parts: readonly string[]): string => parts.join('/').replace(/\/{2,}/g, '/').replace(/^\/|\/$/g, '')
