/** A service with API keys and users with passwords, over HTTP, as many are: keys are made, given rights, used and deleted. For tests. */
import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'

interface Key {
  readonly id: string
  readonly secret: string
  readonly user: string
  readonly label: string
  mayRead: boolean
}

/** What the service does in place of what it should, at the requests whose method and path fit. */
export interface Fault {
  readonly at: RegExp
  /** `dies`: the connection ends, before or after the work was done. */
  readonly how: 'dies before' | 'dies after' | 'hangs' | 'garbage' | 'long' | 'redirect' | number
}

export interface KeyService {
  readonly url: string
  readonly admin: string
  readonly requests: readonly string[]
  fault: Fault | null
  /** How many keys a user may have at a time. */
  room: number
  /** Ids of those that there are. */
  readonly keys: () => readonly string[]
  readonly works: (credential: Readonly<Record<string, string>>) => boolean
  readonly passwordOf: (user: string) => string | undefined
  readonly makeUser: (user: string, password: string) => void
  readonly makeKey: (user: string) => { readonly id: string; readonly secret: string }
  readonly stop: () => Promise<void>
}

interface Asked {
  readonly what: string
  readonly query: URLSearchParams
  readonly headers: IncomingMessage['headers']
  readonly body: Readonly<Record<string, unknown>>
}
type Answered = readonly [status: number, body?: object]

class Shop {
  readonly keys = new Map<string, Key>()
  readonly passwords = new Map<string, string>()
  readonly admin = randomBytes(12).toString('hex')
  room = 2

  answer({ what, query, headers, body }: Asked): Answered {
    const [, method = '', path = ''] = /^(\w+) (.*)$/.exec(what) ?? []
    if (path === '/api/whoami') return this.isGood(String(headers['x-key-id']), String(headers['x-key-secret'])) ? [200, { ok: true }] : [401]
    if (path === '/api/login') return this.#isLogin(headers.authorization ?? '') ? [200] : [401]
    if (headers.authorization !== `Bearer ${this.admin}`) return [403, { error: `you are not ${headers.authorization ?? 'here'}` }]
    const [, user = ''] = /^\/api\/users\/([^/]+)\/(?:keys|password)$/.exec(path) ?? []
    if (method === 'POST' && path.endsWith('/keys')) return this.#create(decodeURIComponent(user), String(body['label'] ?? ''))
    if (method === 'PUT' && path.endsWith('/password')) return this.#setPassword(decodeURIComponent(user), String(body['password'] ?? ''))
    if (method === 'DELETE' && path === '/api/keys') return this.#remove((key) => key.label === query.get('label'))
    const [, id = ''] = /^\/api\/keys\/([^/]+)/.exec(path) ?? []
    const key = this.keys.get(id)
    if (method === 'DELETE') return key === undefined ? [404] : this.#remove((other) => other === key)
    if (method === 'PUT' && path.endsWith('/rights') && key !== undefined) {
      key.mayRead = true
      return [204]
    }
    return [404]
  }

  isGood(id: string, secret: string): boolean {
    const key = this.keys.get(id)
    return key !== undefined && key.secret === secret && key.mayRead
  }

  make(user: string, label: string, mayRead: boolean): Key {
    const key = { id: `K${randomBytes(6).toString('hex')}`, secret: randomBytes(16).toString('hex'), user, label, mayRead }
    this.keys.set(key.id, key)
    return key
  }

  #create(user: string, label: string): Answered {
    if ([...this.keys.values()].filter((key) => key.user === user).length >= this.room) return [409, { error: 'no room' }]
    const { id, secret } = this.make(user, label, false)
    return [201, { key: { id, secret, number: 7 } }]
  }

  #setPassword(user: string, password: string): Answered {
    if (!this.passwords.has(user)) return [404]
    this.passwords.set(user, password)
    return [204]
  }

  #remove(isMeant: (key: Key) => boolean): Answered {
    for (const key of [...this.keys.values()].filter(isMeant)) this.keys.delete(key.id)
    return [204]
  }

  #isLogin(authorization: string): boolean {
    const [user = '', password = ''] = Buffer.from(authorization.replace(/^Basic /, ''), 'base64').toString().split(':')
    return this.passwords.has(user) && this.passwords.get(user) === password
  }
}

async function bodyOf(request: IncomingMessage): Promise<Readonly<Record<string, unknown>>> {
  const chunks: Buffer[] = []
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
  const text = Buffer.concat(chunks).toString()
  if (request.headers['content-type'] === 'application/x-www-form-urlencoded') return Object.fromEntries(new URLSearchParams(text))
  return text === '' ? {} : (JSON.parse(text) as Record<string, unknown>)
}

/** `functionOf`: what is asked below `/api/function`. */
export async function startKeyService(tls?: { readonly cert: string; readonly key: string }, functionOf: (body: Asked['body']) => Answered = () => [404]): Promise<KeyService> {
  const shop = new Shop()
  const requests: string[] = []
  let service: KeyService | null = null
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(request.url ?? '', 'http://x')
    const what = `${request.method} ${url.pathname}`
    requests.push(`${request.method} ${request.url}`)
    const body = await bodyOf(request)
    const fault = service?.fault?.at.test(what) === true ? service.fault.how : null
    if (fault === 'dies before') return void request.socket.destroy()
    if (fault === 'hangs') return
    if (typeof fault === 'number') return void response.writeHead(fault).end(JSON.stringify({ error: JSON.stringify(body), heard: request.headers }))
    const [status, answer] = what === 'POST /api/function' ? functionOf(body) : shop.answer({ what, query: url.searchParams, headers: request.headers, body })
    if (fault === 'dies after') return void request.socket.destroy()
    if (fault === 'garbage') return void response.writeHead(status).end('<html>')
    if (fault === 'long') return void response.writeHead(status).end('x'.repeat(300_000))
    if (fault === 'redirect') return void response.writeHead(307, { location: `${request.url}/elsewhere` }).end()
    response.writeHead(status, { 'content-type': 'application/json' }).end(answer === undefined ? undefined : JSON.stringify(answer))
  }
  const listener = (request: IncomingMessage, response: ServerResponse): void => void serve(request, response).catch(() => response.destroy())
  const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  service = {
    fault: null,
    url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}/api`,
    admin: shop.admin, requests,
    get room() {
      return shop.room
    },
    set room(count: number) {
      shop.room = count
    },
    keys: () => [...shop.keys.keys()],
    works: ({ id = '', secret = '' }: Readonly<Record<string, string>>) => shop.isGood(id, secret),
    passwordOf: (user: string) => shop.passwords.get(user),
    makeUser: (user: string, password: string) => void shop.passwords.set(user, password),
    makeKey: (user: string) => shop.make(user, '', true),
    stop: () => new Promise<void>((resolve) => {
      server.closeAllConnections()
      server.close(() => resolve())
    }),
  }
  return service
}
