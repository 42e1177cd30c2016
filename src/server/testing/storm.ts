/**
 * Clients that write to a server in every way at once, keep a ledger of what it acknowledged, and look afterwards whether all of it is
 * there.
 */
import { Agent, request as httpRequest } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import { Ledger } from './ledger.ts'

export interface Answer {
  readonly status: number
  readonly data: Readonly<Record<string, unknown>>
  readonly auth: Readonly<Record<string, unknown>>
  readonly wrapInfo: Readonly<Record<string, unknown>>
  readonly text: string
}

/** What every name and every secret that the storm makes begins with: none may be readable in the store. */
export const marks = { name: 'StormName', value: 'StormValue', password: 'StormPassword', token: 'hvs.' } as const

export interface Storm {
  readonly ledger: Ledger
  /** Requests that were acknowledged. */
  readonly count: () => number
  /** Resolves once so many requests have been acknowledged. Fails after a minute, or when the server has gone before. */
  counted(goal: number): Promise<void>
  /** Answers that should not have been. */
  readonly problems: string[]
  /** Texts of failures that were expected. */
  readonly failures: string[]
  /** Resolves when every client has met the end of the server. */
  run(port: number, token: string): Promise<void>
  /** Compares everything in the ledger (its own, unless another is given) with what is there. Resolves with what differs. */
  verify(port: number, token: string, against?: Ledger): Promise<string[]>
}

class Gone extends Error {}
/** A failure of the server, which leaves open what happened. */
class Failed extends Error {}

interface StormOptions {
  /** That of the ledger. */
  readonly position?: () => number
  /** Failures of the server are expected: they are gathered, and nothing counts as done. */
  readonly mayFail?: boolean
}

/** `random` gives numbers from 0 to below 1. */
export function createStorm(random: () => number, { position, mayFail = false }: StormOptions = {}): Storm {
  const ledger = new Ledger(position)
  const problems: string[] = []
  const failures: string[] = []
  let count = 0
  let isOver = false
  let serial = 0
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T

  class Client {
    readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 })
    readonly #port: number
    readonly #token: string
    readonly #id: number
    readonly #tokens: string[] = []
    #mount: string | null = null

    constructor(port: number, token: string, id: number) {
      this.#port = port
      this.#token = token
      this.#id = id
    }

    /** Until the server is gone. */
    async run(): Promise<void> {
      const deeds = [
        this.put, this.put, this.put, this.put, this.remove, this.makeToken, this.makeToken, this.revoke, this.user, this.policy,
        this.mount, this.wrap, this.cubbyhole,
      ]
      try {
        for (;;) await this.#once(pick(deeds))
      } catch (error) {
        if (!(error instanceof Gone)) throw error
      } finally {
        this.#agent.destroy()
      }
    }

    async #once(deed: () => Promise<void>): Promise<void> {
      try {
        await deed.call(this)
      } catch (error) {
        if (!(error instanceof Failed)) throw error
        failures.push(error.message)
        await pause(20)
      }
    }

    async #ok(method: string, path: string, body?: object, headers: Record<string, string> = {}): Promise<Answer> {
      const answer = await send(this.#agent, this.#port, method, path, { 'x-vault-token': this.#token, ...headers }, body)
      if (answer.status >= 500 && mayFail) throw new Failed(answer.text)
      if (answer.status >= 300) problems.push(`${method} ${path}: ${answer.status} ${answer.text}`)
      count += 1
      return answer
    }

    #key(): string {
      return `${marks.name}-${this.#id}-${Math.floor(random() * 12)}`
    }

    async put(): Promise<void> {
      const key = this.#key()
      const value = `${marks.value}-${serial++}-${'x'.repeat(Math.floor(random() * 2_000))}`
      await ledger.attempt(`kv ${key}`, value, () => this.#ok('POST', `secret/data/${key}`, { data: { value } }))
    }

    async remove(): Promise<void> {
      const key = this.#key()
      await ledger.attempt(`kv ${key}`, null, () => this.#ok('DELETE', `secret/metadata/${key}`))
    }

    async makeToken(): Promise<void> {
      const parent = random() < 0.3 ? this.#tokens.at(-1) : undefined
      const { auth } = await this.#ok(
        'POST', 'auth/token/create', { policies: ['root'], ttl: '10h', meta: { a: marks.name } },
        parent === undefined ? {} : { 'x-vault-token': parent }
      )
      const token = String(auth['client_token'])
      ledger.acknowledge(`token ${token}`, 'alive')
      // A child goes with its parent, which the ledger does not know; only those without one can be revoked here.
      if (parent === undefined) this.#tokens.push(token)
      else await ledger.attempt(`token ${token}`, null, () => this.#ok('POST', 'auth/token/revoke', { token }))
    }

    async revoke(): Promise<void> {
      const token = this.#tokens.shift()
      if (token === undefined) return
      await ledger.attempt(`token ${token}`, null, () => this.#ok('POST', 'auth/token/revoke', { token }))
    }

    async cubbyhole(): Promise<void> {
      const token = this.#tokens[0]
      if (token !== undefined) await this.#ok('POST', `cubbyhole/${marks.name}`, { value: marks.value }, { 'x-vault-token': token })
    }

    async user(): Promise<void> {
      if (random() < 0.8) return // Hashing takes long, and the others want to write.
      const name = `${marks.name.toLowerCase()}-${this.#id}-${Math.floor(random() * 3)}`
      const policy = `p${serial++}`
      await ledger.attempt(
        `user ${name}`, policy, () => this.#ok('POST', `auth/userpass/users/${name}`, { password: marks.password, token_policies: policy })
      )
    }

    async policy(): Promise<void> {
      const name = `${marks.name.toLowerCase()}-${this.#id}`
      const text = `path "${marks.name}/${serial++}" { policy = "read" }`
      await ledger.attempt(`policy ${name}`, text, () => this.#ok('POST', `sys/policies/acl/${name}`, { policy: text }))
    }

    /** Makes a mount with something in it, or disables the one that this client made. */
    async mount(): Promise<void> {
      if (random() < 0.5) return
      const made = this.#mount
      this.#mount = null
      if (made !== null) return await ledger.attempt(`mount ${made}`, null, () => this.#ok('DELETE', `sys/mounts/${made}`))
      const path = `${marks.name}-${this.#id}-${serial++}`
      await ledger.attempt(`mount ${path}`, 'there', () => this.#ok('POST', `sys/mounts/${path}`, { type: 'kv' }))
      await this.#ok('POST', `${path}/${marks.name}`, { value: marks.value })
      this.#mount = path
    }

    async wrap(): Promise<void> {
      const { wrapInfo } = await this.#ok('POST', 'sys/wrapping/wrap', { value: marks.value }, { 'x-vault-wrap-ttl': '10h' })
      const token = String(wrapInfo['token'])
      ledger.acknowledge(`wrapped ${token}`, 'full')
      if (random() < 0.6) await ledger.attempt(`wrapped ${token}`, null, () => this.#ok('POST', 'sys/wrapping/unwrap', { token }))
    }
  }

  return {
    ledger,
    problems,
    failures,
    count: () => count,
    async counted(goal) {
      for (const deadline = Date.now() + 60_000; count < goal; await pause(5)) if (isOver || Date.now() > deadline) throw new Error(`only ${count} of ${goal} requests were acknowledged`)
    },
    async run(port, token) {
      isOver = false
      const first = serial++ * 100
      await Promise.all(Array.from({ length: 8 }, (_, i) => new Client(port, token, first + i).run()))
      isOver = true
    },
    async verify(port, token, against = ledger) {
      const agent = new Agent({ keepAlive: true, maxSockets: 16 })
      const wrong: string[] = []
      const look = async (key: string): Promise<void> => {
        const expected = against.expected(key)
        const found = await lookAt(agent, port, token, key)
        if (!against.settle(key, found)) wrong.push(`${key}: found ${String(found).slice(0, 40)}, acknowledged ${expected.slice(0, 60)}`)
      }
      const keys = against.keys()
      const next = async (): Promise<void> => {
        for (let key = keys.pop(); key !== undefined; key = keys.pop()) await look(key)
      }
      await Promise.all(Array.from({ length: 16 }, next))
      agent.destroy()
      return wrong
    },
  }
}

async function lookAt(agent: Agent, port: number, rootToken: string, line: string): Promise<string | null> {
  const [kind = '', key = ''] = line.split(' ')
  const get = (path: string, token = rootToken): Promise<Answer> => send(agent, port, 'GET', path, { 'x-vault-token': token })
  const ways: Readonly<Record<string, () => Promise<string | null>>> = {
    async kv() {
      const { status, data } = await get(`secret/data/${key}`)
      return status === 404 ? null : String((data['data'] as Readonly<Record<string, unknown>> | undefined)?.['value'])
    },
    async token() {
      const { status } = await get('auth/token/lookup-self', key)
      return status === 403 ? null : status === 200 ? 'alive' : `status ${status}`
    },
    async user() {
      const { status, data } = await get(`auth/userpass/users/${key}`)
      return status === 404 ? null : String((data['token_policies'] as readonly string[] | undefined)?.[0])
    },
    async policy() {
      const { status, data } = await get(`sys/policies/acl/${key}`)
      return status === 404 ? null : String(data['policy'])
    },
    async mount() {
      const { status } = await get(`sys/mounts/${key}`)
      return status === 400 ? null : status === 200 ? 'there' : `status ${status}`
    },
    async wrapped() {
      const { status } = await send(agent, port, 'POST', 'sys/wrapping/lookup', {}, { token: key })
      return status === 400 ? null : status === 200 ? 'full' : `status ${status}`
    },
  }
  return (await ways[kind]?.()) ?? null
}

/** Rejects with `Gone` when the connection breaks. */
async function send(
  agent: Agent, port: number, method: string, path: string, headers: Record<string, string>, body?: object
): Promise<Answer> {
  return await new Promise<Answer>((resolve, reject) => {
    const gone = (): void => reject(new Gone('the server is gone'))
    const text = body === undefined ? '' : JSON.stringify(body)
    const request = httpRequest({
      agent, port, host: '127.0.0.1', method, path: `/v1/${path}`, headers: { ...headers, 'content-length': Buffer.byteLength(text) },
    }, (response) => {
      let received = ''
      response.on('data', (chunk) => (received += String(chunk)))
      response.on('error', gone)
      response.on('close', () => (response.complete ? resolve(answerOf(response.statusCode ?? 0, received)) : gone()))
    })
    request.on('error', gone)
    request.end(text)
  })
}

type Parts = Readonly<Record<string, Readonly<Record<string, unknown>> | null | undefined>>

function answerOf(status: number, text: string): Answer {
  const body = text.startsWith('{') ? (JSON.parse(text) as Parts) : {}
  return { status, text, data: body['data'] ?? {}, auth: body['auth'] ?? {}, wrapInfo: body['wrap_info'] ?? {} }
}
