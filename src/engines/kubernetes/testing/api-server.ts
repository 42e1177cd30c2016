/** A small API server for tests: it keeps objects, refuses as Kubernetes does, and knows which tokens are good. It is not Kubernetes. */
import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage } from 'node:http'

type Plain = Readonly<Record<string, unknown>>

export interface ApiServer {
  readonly url: string
  readonly jwt: string
  /** Paths of the objects that are there, sorted. */
  readonly paths: () => readonly string[]
  readonly object: (path: string) => Plain | undefined
  readonly put: (path: string, object: Plain) => void
  /** The account that a token is of, while both are there. */
  readonly accountOf: (token: string) => string | null
  /** Paths whose creation is refused from now on; '' for none. */
  refusedPath: string
  readonly stop: () => Promise<void>
}

interface Answer {
  readonly status: number
  readonly body: Plain
}

const failure = (status: number, reason: string, message: string): Answer => ({ status, body: { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason, message, code: status } })

export async function startApiServer(): Promise<ApiServer> {
  const objects = new Map<string, Plain>([['/api/v1/namespaces/default', { metadata: { name: 'default', labels: { team: 'a' } } }], ['/api/v1/namespaces/prod', { metadata: { name: 'prod' } }]])
  const tokens = new Map<string, string>()
  const jwt = randomBytes(16).toString('hex')
  const state = { refusedPath: '' }
  const createToken = (path: string, { spec }: Plain): Answer => {
    const account = path.replace(/\/token$/, '')
    if (!objects.has(account)) return failure(404, 'NotFound', `serviceaccounts "${account.split('/').at(-1)}" not found`)
    const seconds = Number((spec as Plain)['expirationSeconds'])
    if (seconds < 600) return failure(422, 'Invalid', 'spec.expirationSeconds: Invalid value: may not specify a duration less than 10 minutes')
    const token = randomBytes(24).toString('base64url')
    tokens.set(token, account)
    return { status: 201, body: { kind: 'TokenRequest', spec: spec as Plain, status: { token, expirationTimestamp: new Date(Date.now() + seconds * 1000).toISOString() } } }
  }
  const create = (path: string, body: Plain): Answer => {
    const { name } = body['metadata'] as { readonly name: string }
    const full = `${path}/${name}`
    const namespace = /^(\/api\/v1\/namespaces\/[^/]+)|\/namespaces\/([^/]+)/.exec(path)
    const home = namespace?.[1] ?? (namespace?.[2] === undefined ? null : `/api/v1/namespaces/${namespace[2]}`)
    if (home !== null && !objects.has(home)) return failure(404, 'NotFound', `namespaces "${home.split('/').at(-1)}" not found`)
    if (objects.has(full)) return failure(409, 'AlreadyExists', `"${name}" already exists`)
    if (state.refusedPath !== '' && path.endsWith(state.refusedPath)) return failure(403, 'Forbidden', `cannot create resource "${state.refusedPath}"`)
    objects.set(full, body)
    return { status: 201, body }
  }
  const answer = (method: string, path: string, body: Plain): Answer => {
    if (method === 'GET' && path === '/version') return { status: 200, body: { major: '1' } }
    if (method === 'POST') return path.endsWith('/token') ? createToken(path, body) : create(path, body)
    const found = objects.get(path)
    if (found === undefined) return failure(404, 'NotFound', `"${path.split('/').at(-1)}" not found`)
    if (method === 'DELETE') objects.delete(path)
    return { status: 200, body: found }
  }
  const server = createServer((request, response) => {
    void readBody(request).then((body) => {
      const isKnown = request.headers.authorization === `Bearer ${jwt}`
      const { status, body: said } = isKnown ? answer(request.method ?? '', request.url ?? '', body) : failure(401, 'Unauthorized', 'Unauthorized')
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(said))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return Object.assign(state, {
    url: `http://127.0.0.1:${(server.address() as { port: number }).port}`,
    jwt,
    paths: () => [...objects.keys()].filter((path) => !/^\/api\/v1\/namespaces\/[^/]+$/.test(path)).sort(),
    object: (path: string) => objects.get(path),
    put: (path: string, object: Plain) => void objects.set(path, object),
    accountOf(token: string) {
      const account = tokens.get(token)
      return account !== undefined && objects.has(account) ? account : null
    },
    async stop() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  })
}

async function readBody(request: IncomingMessage): Promise<Plain> {
  let text = ''
  for await (const chunk of request as AsyncIterable<Buffer>) text += String(chunk)
  return text === '' ? {} : (JSON.parse(text) as Plain)
}
