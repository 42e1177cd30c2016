/** What the file system complains of, in the words that every Unix command uses. */

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or directory',
  EACCES: 'permission denied',
  EPERM: 'operation not permitted',
  EISDIR: 'is a directory',
  ENOTDIR: 'not a directory',
  ENOSPC: 'no space left on device',
  EROFS: 'read-only file system',
}

/** `open FILE: no such file or directory`. */
export function describeFileError(error: unknown): string {
  const { code = '', path, syscall = 'open', message } = error as NodeJS.ErrnoException
  const reason = Object.hasOwn(reasons, code) ? reasons[code] : undefined
  return reason === undefined ? message : `${path === undefined ? '' : `${syscall} ${path}: `}${reason}`
}
