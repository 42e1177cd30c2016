/** Receivers of statsd and statsite on free ports, which keep what they get. */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'

export interface Heard {
  readonly port: number
  /** What came in one piece. */
  readonly pieces: string[]
  /** Ports that they came from. */
  readonly sources: Set<number>
  readonly lines: () => string[]
  /** Lines that came after what it returned the last time; resolves once there are such that match. Fails after twenty seconds. */
  readonly next: (pattern: RegExp) => Promise<string[]>
  readonly close: () => Promise<void>
}

const patienceMs = 20_000

export async function until(isSo: () => boolean, what: string): Promise<void> {
  for (const end = Date.now() + patienceMs; !isSo(); await pause(5)) if (Date.now() > end) throw new Error(`never: ${what}`)
}

function heard(port: number, pieces: string[], sources: Set<number>, close: () => Promise<void>): Heard {
  let seen = 0
  const lines = (): string[] => pieces.join('').split('\n').slice(0, -1)
  return {
    port, pieces, sources, lines, close,
    async next(pattern) {
      await until(() => lines().slice(seen).some((line) => pattern.test(line)), `a line like ${pattern}, but: ${lines().slice(seen).join(' ')}`)
      const found = lines().slice(seen)
      seen += found.length
      return found
    },
  }
}

/** Port 0 is a free one. */
export async function hearUdp(port = 0): Promise<Heard> {
  const socket = createSocket('udp4')
  const pieces: string[] = []
  const sources = new Set<number>()
  socket.on('message', (message, { port: source }) => {
    pieces.push(message.toString())
    sources.add(source)
  })
  socket.bind(port, '127.0.0.1')
  await once(socket, 'listening')
  return heard(socket.address().port, pieces, sources, () => new Promise((resolve) => socket.close(resolve)))
}

/** `reads`: false leaves all in the buffers of the system. */
export async function hearTcp(port = 0, reads = true): Promise<Heard> {
  const pieces: string[] = []
  const [sources, open] = [new Set<number>(), new Set<Socket>()]
  const server = createServer((socket) => {
    open.add(socket)
    sources.add(socket.remotePort ?? 0)
    socket.on('error', () => undefined).on('close', () => open.delete(socket))
    if (reads) socket.on('data', (data) => pieces.push(data.toString()))
    else socket.pause()
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return heard((server.address() as AddressInfo).port, pieces, sources, () => new Promise((resolve) => {
    server.close(() => resolve())
    for (const socket of open) socket.destroy()
  }))
}
