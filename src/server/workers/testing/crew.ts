/** A real server with several workers, and connections to it that stay open: each is served by one worker, for as long as both live. */
import { readFileSync } from 'node:fs'
import { Agent, request as httpRequest } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import { freePort, inPlace, type Place, type RunningServer, type StartOptions } from '../../testing/process.ts'

export interface Answer {
  readonly status: number
  readonly text: string
  /** Of the whole answer. */
  readonly body: Readonly<Record<string, unknown>>
  readonly data: Readonly<Record<string, unknown>>
}

/** One connection. A request on it fails when it breaks, and never opens another. */
export class Connection {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 })
  readonly #port: number
  token: string
  #opened = 0

  constructor(port: number, token: string) {
    this.#port = port
    this.token = token
  }

  ask(method: string, path: string, body?: object, token = this.token, more: Readonly<Record<string, string>> = {}): Promise<Answer> {
    const text = body === undefined ? '' : JSON.stringify(body)
    const headers = { ...more, ...(token === '' ? {} : { 'x-vault-token': token }), 'content-length': Buffer.byteLength(text) }
    return new Promise((resolve, reject) => {
      const request = httpRequest({ agent: this.#agent, host: '127.0.0.1', port: this.#port, method, path: `/v1/${path}`, headers }, (response) => {
        let received = ''
        response.on('data', (chunk) => (received += String(chunk)))
        response.on('error', reject)
        response.on('close', () => (response.complete ? resolve(answerOf(response.statusCode ?? 0, received)) : reject(new Error('cut off'))))
      })
      request.on('socket', (socket) => {
        if (!socket.connecting) return
        this.#opened += 1
        if (this.#opened > 1) request.destroy(new Error('the connection broke'))
      })
      request.on('error', reject)
      request.end(text)
    })
  }

  /** Throws unless the answer is a success. */
  async ok(method: string, path: string, body?: object, token = this.token): Promise<Answer> {
    const answer = await this.ask(method, path, body, token)
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`)
    return answer
  }

  close(): void {
    this.#agent.destroy()
  }
}

function answerOf(status: number, text: string): Answer {
  const body = text.startsWith('{') ? (JSON.parse(text) as Answer['body']) : {}
  return { status, text, body, data: (body['data'] ?? {}) as Answer['data'] }
}

export interface RunningCrew {
  readonly place: Place
  readonly server: RunningServer
  readonly port: number
  readonly rootToken: string
  /** Arguments with which it was started. */
  readonly args: readonly string[]
  /** So many open connections, one after the other: they go to the workers in turn. */
  readonly connect: (count: number) => Promise<Connection[]>
  /** Numbers of the processes of its workers. */
  readonly workers: () => number[]
  /** Resolves once so many workers have come to serve, those that ended meanwhile included. */
  readonly served: (count: number) => Promise<void>
}

/** Starts a server with its data in the folder `d` and so many workers; `how` is asked how to start it. */
export const withCrew = (count: number, body: (crew: RunningCrew) => Promise<void>, how: (place: Place) => StartOptions = () => ({})): Promise<void> =>
  inPlace(async (place) => {
    const port = await freePort()
    const args = [`-data=d`, `-listen=127.0.0.1:${port}`, `-workers=${count}`, '-dev-no-store-token']
    const server = await place.started(args, how(place))
    const rootToken = /^Root token: (hvs\.\S{24})$/m.exec(server.out())?.[1] ?? ''
    await withConnections({ place, server, port, rootToken, args }, count, body)
  })

/** A server whose key people hold. Not initialised. */
export const withConfiguredCrew = (count: number, more: string, body: (crew: RunningCrew) => Promise<void>): Promise<void> =>
  inPlace(async (place) => {
    const port = await freePort()
    place.file('c.hcl', `storage "lmdb" { path = "d" }\nlistener "tcp" {\n address = "127.0.0.1:${port}"\n tls_disable = true\n}\nworkers = ${count}\n${more}`)
    const args = ['-config=c.hcl']
    const server = await place.started(args)
    await withConnections({ place, server, port, rootToken: '', args }, count, body)
  })

async function withConnections(given: Omit<RunningCrew, 'connect' | 'workers' | 'served'>, count: number, body: (crew: RunningCrew) => Promise<void>): Promise<void> {
  const open: Connection[] = []
  const { port, rootToken, server } = given
  const crew: RunningCrew = {
    ...given,
    async connect(wanted) {
      const made = Array.from({ length: wanted }, () => new Connection(port, rootToken))
      open.push(...made)
      for (const connection of made) await connection.ask('GET', 'sys/health', undefined, '')
      return made
    },
    workers: () => childrenOf(server.child.pid ?? 0),
    async served(wanted) {
      const lines = (): number => server.out().match(/\[INFO\] {2}workers: a worker serves/g)?.length ?? 0
      for (const deadline = Date.now() + 20_000; lines() < wanted; await pause(20)) {
        if (Date.now() > deadline) throw new Error(`${wanted} workers were not there in time:\n${server.out()}${server.err()}`)
      }
    },
  }
  try {
    if (count > 1) await crew.served(count)
    await body(crew)
  } finally {
    for (const connection of open) connection.close()
  }
}

/** The processes that this one has started, where /proc shows it (Linux). */
export function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim().split(' ').filter((text) => text !== '').map(Number)
}

/** Whether there is such a process. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'))
  } catch {
    return false
  }
}
