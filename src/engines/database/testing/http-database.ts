/** Servers for tests that speak as much of a database's HTTP interface as its driver uses, with users that can log in or not. For databases that cannot be installed. */
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { TestDatabase } from './test-database.ts'

export interface Asked {
  readonly method: string
  /** Without the query. */
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: IncomingHttpHeaders
  readonly body: string
  /** Names with their passwords, whoever changes them. */
  readonly users: Map<string, string>
}

export interface Answer {
  readonly status: number
  readonly body?: string | object
  readonly headers?: Readonly<Record<string, string>>
}

type Described = Pick<TestDatabase, 'plugin' | 'creation' | 'refused' | 'halfRotation'>

/** `details` of an address; `answer` to each request. */
export async function startHttpDatabase(described: Described, details: (url: string) => TestDatabase['details'], answer: (asked: Asked) => Answer): Promise<TestDatabase> {
  const admin = { username: 'coffer_admin', password: 'first/Pass w:ord@%1' }
  const users = new Map([[admin.username, admin.password]])
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const { pathname, searchParams } = new URL(request.url ?? '/', 'http://server')
      const { status, body = '', headers = {} } = answer({ method: request.method ?? '', path: pathname, query: searchParams, headers: request.headers, body: Buffer.concat(chunks).toString('utf8'), users })
      response.writeHead(status, headers).end(typeof body === 'string' ? body : JSON.stringify(body))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  return {
    ...described, admin,
    details: details(`http://127.0.0.1:${port}`),
    canLogIn: (username, password) => Promise.resolve(users.has(username) && users.get(username) === password),
    users: (prefix) => Promise.resolve([...users.keys()].filter((name) => name.toLowerCase().startsWith(prefix.toLowerCase()))),
    makeUser: (username, password) => Promise.resolve(void users.set(username, password)),
    dropUser: (username) => Promise.resolve(void users.delete(username)),
    resetAdmin: () => Promise.resolve(void users.set(admin.username, admin.password)),
    stop: () => new Promise((resolve) => server.close(() => resolve())),
  }
}

/** Who is logged in by `Authorization: Basic …`; null for nobody. */
export function basicUser({ headers, users }: Pick<Asked, 'headers' | 'users'>): string | null {
  const [, name = '', password] = /^([^:]*):([\s\S]*)$/.exec(Buffer.from((headers.authorization ?? '').replace(/^Basic /, ''), 'base64').toString('utf8')) ?? []
  return users.has(name) && users.get(name) === password ? name : null
}
