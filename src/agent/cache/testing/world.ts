/** A cache with a clock that is moved by hand, and a server that says what it was asked. */
import type { AgentHost } from '../../host.ts'
import type { ProxyAnswer, ProxyRequest } from '../../proxy/message.ts'
import type { CacheRules } from '../../config/settings.ts'
import { ResponseCache } from '../cache.ts'
import { cacheLimits, type CacheLimits } from '../entries.ts'

export type Answers = (request: ProxyRequest) => ProxyAnswer | Promise<ProxyAnswer>

interface World {
  readonly cache: ResponseCache
  readonly asked: string[]
  /** `GET path`, as `token`: the text in the answer and whether it was kept. */
  readonly ask: (line: string, token?: string, more?: Partial<ProxyRequest>) => Promise<string>
  /** So many seconds later. */
  readonly pass: (seconds: number) => Promise<void>
}

const verbs: Readonly<Record<string, ProxyRequest['verb']>> = { GET: 'read', PUT: 'write', DELETE: 'delete', LIST: 'list' }
export const leases: CacheRules = { keepsLeases: true, staticSeconds: 0, servesStale: true }
export const statics: CacheRules = { ...leases, staticSeconds: 300 }

export function worldOf(answers: Answers, rules = leases, limits: CacheLimits = cacheLimits): World {
  let now = 1_000_000
  const timers = new Set<{ readonly at: number; readonly work: () => void }>()
  const host: AgentHost = {
    environment: {},
    now: () => now,
    later(milliseconds, work) {
      const timer = { at: now + milliseconds, work }
      timers.add(timer)
      return () => timers.delete(timer)
    },
    log: () => undefined,
    onSignals: () => () => undefined,
  }
  const asked: string[] = []
  const forward = async (request: ProxyRequest): Promise<ProxyAnswer> => {
    asked.push(`${request.method} ${request.path}`)
    return await answers(request)
  }
  const cache = new ResponseCache({ forward, host, ownToken: () => 'own', rules, limits })
  return {
    cache,
    asked,
    async ask(line, token = 'own', more = {}) {
      const [method = '', path = '', body = ''] = line.split(' ')
      const answer = await cache.forward({ method, verb: verbs[method] ?? 'read', path, query: '', namespace: '', token, headers: {}, body: body === '' ? null : Buffer.from(body), signal: new AbortController().signal, ...more })
      const text = /"(?:a|text|client_token)":"([^"]*)"/.exec(Buffer.from(answer.body).toString())?.[1] ?? ''
      const age = answer.cached?.ageSeconds ?? null
      return `${answer.status} ${text}${age === null ? '' : ` of ${age} s`}`
    },
    async pass(seconds) {
      for (const end = now + seconds * 1000; ; ) {
        const next = [...timers].filter(({ at }) => at <= end).toSorted((a, b) => a.at - b.at)[0]
        now = next?.at ?? end
        if (next === undefined) return
        timers.delete(next)
        next.work()
        await new Promise((resolve) => setImmediate(resolve))
      }
    },
  }
}
