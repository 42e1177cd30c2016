/** The socket device: TCP, UDP and unix stream sockets, with time limits and reconnection. */
import { createSocket, type Socket as Datagrams } from 'node:dgram'
import { connect, type Socket } from 'node:net'
import type { SocketTarget } from '../config.ts'
import { lineText, nothingFound, WriteFailure, type AuditDevice, type Opening } from './device.ts'
import { streamDevice, type Connection } from './stream.ts'

/** `frame`: what is sent for a line; the line as it stands, unless said otherwise. */
export function socketDevice(target: SocketTarget, deadlineMs: number, frame?: (line: string) => string): AuditDevice {
  if (target.transport === 'udp') return datagramDevice(target, deadlineMs, frame)
  return streamDevice({ connect: (lost) => connectStream(target, deadlineMs, lost), deadlineMs, ...(frame === undefined ? {} : { frame }) })
}

const endGraceMs = 500

function connectStream(target: SocketTarget, deadlineMs: number, lost: (reason: Error) => void): Promise<Connection> {
  return new Promise((resolve, reject) => {
    const socket = target.transport === 'unix' ? connect({ path: target.path }) : connect({ host: target.host, port: target.port, family: target.family })
    socket.setNoDelay(true)
    const timer = setTimeout(() => socket.destroy(new Error(`no connection within ${deadlineMs} ms`)), deadlineMs)
    let reason = new Error('the connection was closed by the other side')
    socket.on('error', (error) => void (reason = error))
    socket.on('end', () => lost(reason))
    socket.on('close', () => {
      clearTimeout(timer)
      lost(reason)
      reject(reason)
    })
    socket.on('connect', () => {
      clearTimeout(timer)
      // Nothing is expected from there; unread data would keep the end of the connection from being seen.
      socket.resume()
      socket.unref()
      resolve({ output: socket, destroy: () => socket.destroy(), end: () => endSocket(socket) })
    })
  })
}

function endSocket(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => socket.destroy(), endGraceMs)
    const done = (): void => {
      clearTimeout(timer)
      resolve()
    }
    if (socket.destroyed) return done()
    socket.once('close', done)
    socket.end()
  })
}

/** The largest payload of UDP over IPv4. */
const datagramMax = 65_507

/** One line in one datagram. A line that is too large fails; one that nobody receives is noticed only where the other machine says so. */
function datagramDevice(target: SocketTarget, deadlineMs: number, frame: (line: string) => string = (line) => line): AuditDevice {
  let current: { readonly socket: Datagrams; readonly state: { readonly lost: Error | null }; readonly opening: Opening } | null = null
  return {
    async open() {
      if (current !== null) return current.opening
      const state: { lost: Error | null } = { lost: null }
      const socket = await connectDatagrams(target, deadlineMs, (reason) => void (state.lost ??= reason))
      current = { socket, state, opening: { ...nothingFound } }
      return current.opening
    },
    staleness: () => (current !== null && current.state.lost !== null ? 'lost' : null),
    size: () => null,
    async write(lines) {
      if (current === null || current.state.lost !== null) throw new WriteFailure(current?.state.lost ?? new Error('not connected'))
      for (const [index, line] of lines.entries()) await sendDatagram(current.socket, Buffer.from(frame(lineText(line))), index)
    },
    async close() {
      const ended = current
      current = null
      if (ended !== null) await new Promise<void>((resolve) => ended.socket.close(() => resolve()))
    },
  }
}

function connectDatagrams(target: SocketTarget, deadlineMs: number, lost: (reason: Error) => void): Promise<Datagrams> {
  return new Promise((resolve, reject) => {
    const isSix = target.family === 6 || target.host.includes(':')
    const socket = createSocket(isSix ? 'udp6' : 'udp4')
    let isConnected = false
    const fail = (error: Error): void => {
      clearTimeout(timer)
      lost(error)
      if (!isConnected) socket.close()
      isConnected = true
      reject(error)
    }
    const timer = setTimeout(() => fail(new Error(`no address within ${deadlineMs} ms`)), deadlineMs)
    socket.on('error', fail)
    socket.connect(target.port, target.host, () => {
      clearTimeout(timer)
      isConnected = true
      socket.unref()
      resolve(socket)
    })
  })
}

function sendDatagram(socket: Datagrams, bytes: Buffer, whole: number): Promise<void> {
  return new Promise((resolve, reject) => {
    if (bytes.length > datagramMax) return reject(new WriteFailure(new Error(`a line of ${bytes.length} bytes does not fit into a datagram`), whole))
    socket.send(bytes, (error) => (error === null ? resolve() : reject(new WriteFailure(error, whole))))
  })
}
