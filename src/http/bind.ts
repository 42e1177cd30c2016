/** Binds a server to the address of a listener: a port, or a unix socket with its owner and mode. */
import { chmod, chown, lstat, unlink } from 'node:fs/promises'
import { connect, type AddressInfo, type Server } from 'node:net'
import type { ListenAddress } from './listener-settings.ts'

/** The address in use: the port that the system chose for port 0, the path of a unix socket. */
export type BoundAddress = { readonly host: string; readonly port: number } | { readonly path: string }

/** Throws an `Error` whose text names the address and what is wrong. */
export async function bind(server: Server, address: ListenAddress): Promise<void> {
  if ('path' in address) await removeStaleSocket(address.path)
  await listen(server, address)
  if ('path' in address) await own(server, address)
}

export function boundAddress(server: Server): BoundAddress {
  const bound = server.address() as AddressInfo | string | null
  if (bound === null) throw new Error('the listener is stopped')
  return typeof bound === 'string' ? { path: bound } : { host: bound.address, port: bound.port }
}

async function own(server: Server, { path, mode, uid, gid }: Extract<ListenAddress, { path: string }>): Promise<void> {
  try {
    if (uid !== null || gid !== null) await chown(path, uid ?? -1, gid ?? -1)
    if (mode !== null) await chmod(path, mode)
  } catch (error) {
    await new Promise((resolve) => server.close(resolve))
    throw new Error(`cannot set owner and mode of the unix socket "${path}": ${codeOf(error)}`, { cause: error })
  }
}

export const nameOf = (address: ListenAddress): string =>
  'path' in address ? `unix socket "${address.path}"` : `${address.host.includes(':') ? `[${address.host}]` : address.host}:${address.port}`

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? `${error}`

const listenProblems: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another process listens there already',
  EACCES: 'no permission',
  EPERM: 'no permission',
  EADDRNOTAVAIL: 'this machine does not have that address',
  ENOTFOUND: 'no such host name',
  ENOENT: 'no such folder',
}

function listen(server: Server, address: ListenAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void => {
      reject(new Error(`cannot listen on ${nameOf(address)}: ${listenProblems[codeOf(error)] ?? error.message}`, { cause: error }))
    }
    server.once('error', fail)
    server.listen('path' in address ? { path: address.path } : { host: address.host, port: address.port }, () => {
      server.off('error', fail)
      resolve()
    })
  })
}

/** A process that was killed leaves its socket behind, where nobody can listen again until it is gone. */
async function removeStaleSocket(path: string): Promise<void> {
  const found = await lstat(path).catch(() => null)
  // Anything but a socket stays; listening then says what is wrong.
  if (found?.isSocket() !== true) return
  const code = await new Promise<string>((resolve) => {
    const probe = connect(path).once('error', (error) => resolve(codeOf(error)))
    probe.once('connect', () => {
      probe.destroy()
      resolve('')
    })
  })
  if (code === 'ECONNREFUSED') await unlink(path)
}
