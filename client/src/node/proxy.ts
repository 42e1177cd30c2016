/** HTTP proxies: which one a URL goes through, and how. */
import * as http from 'node:http'
import type { Socket } from 'node:net'

/** The proxy for a URL, or null to go direct. */
export type ProxyChoice = (url: URL) => URL | null

export interface ProxyVariables {
  /** Wins over the others, and ignores `noProxy`. */
  readonly always?: string | undefined
  readonly http?: string | undefined
  readonly https?: string | undefined
  /** Comma list of hosts, `.suffixes`, `*`. */
  readonly noProxy?: string | undefined
}

/** The choice that the usual variables make. The own machine is always reached directly unless `always` is set. */
export function proxyFromVariables(variables: ProxyVariables): ProxyChoice {
  return (url) => {
    if (variables.always) return parseProxy(variables.always)
    const chosen = url.protocol === 'https:' ? variables.https : variables.http
    if (!chosen || isLocal(url.hostname) || isExempt(url, variables.noProxy ?? '')) return null
    return parseProxy(chosen)
  }
}

const parseProxy = (text: string): URL => new URL(text.includes('://') ? text : `http://${text}`)

const isLocal = (host: string): boolean => host === 'localhost' || host === '[::1]' || host.startsWith('127.')

function isExempt(url: URL, list: string): boolean {
  return list.split(',').some((entry) => {
    const rule = entry.trim().toLowerCase()
    const name = rule.replace(/^\*?\./, '')
    if (rule === '' || name === '') return false
    return rule === '*' || url.host === rule || url.hostname === name || url.hostname.endsWith(`.${name}`)
  })
}

/** Request options that lead through a proxy: absolute form for http, a tunnel (RFC 9110 §9.3.6) for https. */
export async function throughProxy(proxy: URL, url: URL, tls: Record<string, unknown>, signal: AbortSignal): Promise<http.RequestOptions> {
  const authorization = authorizationFor(proxy)
  const at = { host: proxy.hostname, port: proxy.port || 80 }
  if (url.protocol === 'http:') return { ...at, agent: false, path: url.href, headers: { Host: url.host, ...authorization } }
  const path = `${url.hostname}:${url.port || 443}`
  const socket = await tunnel({ ...at, method: 'CONNECT', path, headers: authorization, agent: false, signal })
  const { connect } = await import('node:tls')
  // No `agent` here, not even false: one of its own would connect past the tunnel.
  return { createConnection: () => connect({ servername: url.hostname, ...tls, socket }) }
}

function authorizationFor(proxy: URL): Record<string, string> {
  if (proxy.username === '') return {}
  const credentials = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`
  return { 'Proxy-Authorization': `Basic ${btoa(credentials)}` }
}

function tunnel(options: http.RequestOptions): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const request = http.request(options)
    request.once('error', reject)
    request.once('connect', (answer, socket) => {
      if (answer.statusCode === 200) resolve(socket)
      else {
        socket.destroy()
        reject(new Error(`the proxy answered ${answer.statusCode} to CONNECT`))
      }
    })
    request.end()
  })
}
