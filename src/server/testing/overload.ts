/** Clients that are too many, too slow or too greedy, and what others notice of them. */
import { readFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { treeOf } from './process.ts'

export interface Reply {
  readonly status: number
  readonly retryAfter: string | undefined
  readonly ms: number
}

export interface Caller {
  readonly ask: (method: string, path: string, body?: string) => Promise<Reply>
  readonly close: () => void
}

/** Requests over at most so many connections. A broken connection is status 0. */
export function caller(port: number, token: string, connections: number): Caller {
  const agent = new Agent({ keepAlive: true, maxSockets: connections })
  return {
    close: () => agent.destroy(),
    ask: (method, path, body = '') => new Promise((resolve) => {
      const began = performance.now()
      const done = (status: number, retryAfter?: string): void => resolve({ status, retryAfter, ms: performance.now() - began })
      const headers = { 'x-vault-token': token, 'content-length': Buffer.byteLength(body) }
      const sent = request({ agent, port, host: '127.0.0.1', method, path: `/v1/${path}`, headers }, (response) => {
        response.resume().on('close', () => done(response.statusCode ?? 0, response.headers['retry-after']))
      })
      sent.on('error', () => done(0)).end(body)
    }),
  }
}

/** How long requests take one after the other, for as long as `work` does: sorted, in milliseconds. */
export async function timesDuring(ask: () => Promise<Reply>, work: Promise<unknown>): Promise<number[]> {
  let isOver = false
  const over = (): void => void (isOver = true)
  work.then(over, over)
  const times: number[] = []
  while (!isOver || times.length < 20) {
    const { status, ms } = await ask()
    if (status !== 200) throw new Error(`status ${status} while others were being served`)
    times.push(ms)
    await pause(5)
  }
  return times.sort((a, b) => a - b)
}

export const quantile = (sorted: readonly number[], share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0

/** Connections that stay open and send what `first` says, and then nothing. */
export async function hold(port: number, count: number, first: string): Promise<() => void> {
  const sockets: Socket[] = []
  for (let i = 0; i < count; i++) {
    const socket = connect(port, '127.0.0.1').on('error', () => undefined).pause()
    sockets.push(socket)
    socket.write(first)
    if (i % 200 === 199) await pause(10)
  }
  await pause(100)
  return () => {
    for (const socket of sockets) socket.destroy()
  }
}

/** Of a server with all its processes. */
export function residentBytes(pid: number): number {
  const own = (one: number): number => Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${one}/status`, 'utf8'))?.[1] ?? 0) * 1024
  return treeOf(pid).reduce((sum, one) => sum + own(one), 0)
}
