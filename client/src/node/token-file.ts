/**
 * Where a person's tokens are kept between commands. Each server address has a file of its own, `~/.coffer-token.d/NAME`, holding nothing
 * but the token (mode 0600), so that a token is never sent to, nor overwritten by, another server. The root token of a first start is
 * also in `NAME.root`, which no login overwrites. `~/.coffer-token` is a link to the file of the first server, for whoever looks for
 * one. A plain file `~/.coffer-token`, put there by hand, holds for every address.
 */
import { chmodSync, lstatSync, mkdirSync, readFileSync, readlinkSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'

export interface TokenPlace {
  readonly home: string
  /** The server's address, as the command line names it. */
  readonly address: string
}

export interface SavedToken {
  /** The file that now holds the token. */
  readonly file: string
  /** Whether another token for the same address was there before. */
  readonly replaced: boolean
  /** True when `~/.coffer-token` holds or leads to the token of another server, and so was left as it is. */
  readonly linkTaken: boolean
}

export interface SavedRootToken extends SavedToken {
  readonly rootFile: string
  /** Where the root token of an earlier server at this address now lies, or null. */
  readonly kept: string | null
}

/** The token saved for an address, or null. Throws what the file system says when a file is there but cannot be read. */
export function readSavedToken(place: TokenPlace): string | null {
  const own = readToken(fileFor(place))
  if (own !== null) return own
  const common = linkOf(place.home)
  return isPlainFile(common) ? readToken(common) : null
}

/** The token of Vault's own command line, or null. */
export const readVaultToken = (home: string): string | null => readToken(join(home, '.vault-token'))

/** The token that commands send to an address from now on. Writes atomically. */
export function saveToken({ home, address, token }: TokenPlace & { readonly token: string }): SavedToken {
  const file = fileFor({ home, address })
  const before = readToken(file)
  mkdirSync(folderOf(home), { recursive: true, mode: 0o700 })
  writePrivately(file, token)
  return { file, replaced: before !== null && before !== token, linkTaken: !linkTo(file, linkOf(home)) }
}

/**
 * Like `saveToken`, for a root token that nobody else knows: it is kept beside what logins overwrite. One of an earlier server at the same
 * address is moved aside, under a name that ends in `time`.
 */
export function saveRootToken(options: TokenPlace & { readonly token: string; readonly time: string }): SavedRootToken {
  const { home, address, token, time } = options
  const rootFile = `${fileFor({ home, address })}.root`
  const before = readToken(rootFile)
  const kept = before === null || before === token ? null : `${rootFile}.${safeName(time)}`
  mkdirSync(folderOf(home), { recursive: true, mode: 0o700 })
  if (kept !== null) renameSync(rootFile, kept)
  writePrivately(rootFile, token)
  return { ...saveToken({ home, address, token }), rootFile, kept }
}

/** Writes `~/.vault-token`, for tools that look there. */
export const saveVaultToken = (home: string, token: string): void => writePrivately(join(home, '.vault-token'), token)

/** Forgets the token of an address; no error if there is none. */
export function eraseToken(place: TokenPlace): void {
  rmSync(fileFor(place), { force: true })
}

const folderOf = (home: string): string => join(home, '.coffer-token.d')
const linkOf = (home: string): string => join(home, '.coffer-token')
const fileFor = (place: TokenPlace): string => join(folderOf(place.home), addressName(place.address))

/** A file name for an address; the names of the own machine are one. */
export function addressName(address: string): string {
  if (address.startsWith('unix://')) return safeName(`unix-${address.slice('unix://'.length)}`)
  const url = new URL(address)
  const host = ['localhost', '[::1]'].includes(url.hostname) ? '127.0.0.1' : url.hostname
  const port = url.port || (url.protocol === 'https:' ? '443' : '80')
  return safeName(`${url.protocol.replace(':', '')}-${host}-${port}${url.pathname.replace(/\/+$/, '')}`)
}

/** Other characters become `%xx`, so that no two addresses share a name; the rest of a very long one is cut. */
const safeName = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*~]/g, '%').slice(0, 200)

function readToken(file: string): string | null {
  try {
    return readFileSync(file, 'utf8').trim() || null
  } catch (error) {
    if (isMissing(error)) return null
    throw error
  }
}

function writePrivately(file: string, token: string): void {
  const temporary = `${file}.tmp`
  rmSync(temporary, { force: true })
  writeFileSync(temporary, token, { mode: 0o600, flag: 'wx' })
  chmodSync(temporary, 0o600)
  renameSync(temporary, file)
}

/** Makes the common link lead to `file` unless it is somebody else's. True when it does. */
function linkTo(file: string, link: string): boolean {
  const target = join(basename(folderOf('')), basename(file))
  try {
    if (isPlainFile(link)) return false
    const current = currentLink(link)
    if (current === target) return true
    if (current !== null && readToken(link) !== null) return false
    rmSync(link, { force: true })
    symlinkSync(target, link)
    return true
  } catch {
    return false // No links here (Windows without the right to make them): the file of the address is enough for the command.
  }
}

const isPlainFile = (path: string): boolean => lstatSync(path, { throwIfNoEntry: false })?.isFile() === true

function currentLink(link: string): string | null {
  return lstatSync(link, { throwIfNoEntry: false })?.isSymbolicLink() === true ? readlinkSync(link) : null
}

const isMissing = (error: unknown): boolean => {
  const code = (error as { code?: unknown }).code
  return code === 'ENOENT' || code === 'ENOTDIR'
}
