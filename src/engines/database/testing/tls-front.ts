/** TLS in front of a server for tests that speaks none by itself: whoever connects sees a certificate, the server behind it sees plain bytes. */
import { connect, type Socket } from 'node:net'
import { createServer } from 'node:tls'
import type { TestAuthority } from './authority.ts'
import type { TestDatabase } from './test-database.ts'

export interface Fronted {
  /** Where TLS is spoken. */
  readonly tlsPort: number
}

/** The port that stands in the details of a connection. */
const portOf = ({ details }: TestDatabase): number => Number(details['port'] ?? /127\.0\.0\.1:(\d+)/.exec(JSON.stringify(details))?.[1])

/** The same database, which can be reached over TLS as well. Null: it is not installed. */
export const behindTls = <T extends TestDatabase>(start: () => Promise<T | null>) => async (authority: TestAuthority): Promise<(T & Fronted) | null> => {
  const db = await start()
  if (db === null) return null
  const sockets = new Set<Socket>()
  const server = createServer(authority.issue('localhost'), (client) => {
    const behind = connect(portOf(db), '127.0.0.1')
    for (const [one, other] of [[client, behind], [behind, client]] as const) {
      sockets.add(one)
      one.on('error', () => other.destroy()).on('close', () => {
        sockets.delete(one)
        other.destroy()
      })
    }
    client.pipe(behind).pipe(client)
  })
  // A client that does not trust the certificate.
  server.on('tlsClientError', () => undefined)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const stop = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
    await db.stop()
  }
  return { ...db, tlsPort: (server.address() as { port: number }).port, stop }
}
