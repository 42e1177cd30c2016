/** Sockets of all kinds. */
import assert from 'node:assert/strict'
import { createSocket, type Socket as Datagrams } from 'node:dgram'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import type { SocketTarget } from '../config.ts'
import { deviceContract, type DeviceUnderTest } from './contract.ts'
import { WriteFailure } from './device.ts'
import { socketDevice } from './socket.ts'

const waitFor = async (lines: () => readonly string[], count: number): Promise<readonly string[]> => {
  for (let tries = 0; lines().length < count && tries < 200; tries++) await pause(10)
  return lines()
}

/** A server that keeps what it gets. It can be stopped and started at the same address. */
class Collector {
  text = ''
  #server: Server | null = null
  readonly #sockets = new Set<Socket>()
  #at: { port: number } | { path: string }
  constructor(at: { port: number } | { path: string }) {
    this.#at = at
  }
  async start(): Promise<number> {
    const server = createServer((socket) => {
      this.#sockets.add(socket)
      socket.setEncoding('utf8')
      socket.on('data', (chunk: string) => void (this.text += chunk))
      socket.on('error', () => {})
    })
    this.#server = server
    await new Promise<void>((resolve) => void server.listen('port' in this.#at ? { port: this.#at.port, host: '127.0.0.1' } : this.#at, resolve))
    if (!('port' in this.#at)) return 0
    this.#at = { port: (server.address() as AddressInfo).port }
    return this.#at.port
  }
  async stop(): Promise<void> {
    const server = this.#server
    for (const socket of this.#sockets) socket.destroy()
    this.#sockets.clear()
    if (server !== null) await new Promise((resolve) => void server.close(resolve))
    this.#server = null
  }
  get lines(): readonly string[] {
    return this.text.split('\n').slice(0, -1)
  }
}

const underTest = (collector: Collector, target: SocketTarget, dispose: () => void = () => {}): DeviceUnderTest => ({
  device: socketDevice(target, 1000),
  received: (count) => waitFor(() => collector.lines, count),
  disable: () => collector.stop(),
  repair: async () => void (await collector.start()),
  dispose: async () => {
    await collector.stop()
    dispose()
  },
  lineMax: 3_000_000,
})

const tcpTarget = (port: number): SocketTarget => ({ kind: 'socket', transport: 'tcp', family: 0, host: '127.0.0.1', port, path: '' })

deviceContract('tcp socket', async () => {
  const collector = new Collector({ port: 0 })
  return underTest(collector, tcpTarget(await collector.start()))
})

deviceContract('unix socket', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'coffer-audit-'))
  const path = join(folder, 'log.sock')
  const collector = new Collector({ path })
  await collector.start()
  return underTest(collector, { kind: 'socket', transport: 'unix', family: 0, host: '', port: 0, path }, () => rmSync(folder, { recursive: true, force: true }))
})

const listenDatagrams = async (port: number, take: (line: string) => void): Promise<Datagrams> => {
  const socket = createSocket('udp4', (bytes) => take(bytes.toString('utf8').trimEnd()))
  await new Promise<void>((resolve) => void socket.bind(port, '127.0.0.1', resolve))
  return socket
}

deviceContract('udp socket', async () => {
  const lines: string[] = []
  const take = (line: string): void => void lines.push(line)
  let socket = await listenDatagrams(0, take)
  const { port } = socket.address()
  return {
    device: socketDevice({ ...tcpTarget(port), transport: 'udp' }, 1000),
    received: (count) => waitFor(() => lines, count),
    disable: async () => void (await new Promise<void>((resolve) => void socket.close(resolve))),
    repair: async () => void (socket = await listenDatagrams(port, take)),
    dispose: () => new Promise<void>((resolve) => void socket.close(() => resolve())),
    lineMax: 60_000,
  }
})

test('a line that does not fit into a datagram fails, and those before it count', async () => {
  const lines: string[] = []
  const socket = await listenDatagrams(0, (line) => void lines.push(line))
  const device = socketDevice({ ...tcpTarget(socket.address().port), transport: 'udp' }, 1000)
  await device.open()
  await assert.rejects(device.write(['{"a":1}\n', `${'x'.repeat(70_000)}\n`]), (error) => error instanceof WriteFailure && error.whole === 1)
  assert.deepEqual(await waitFor(() => lines, 1), ['{"a":1}'])
  await device.close()
  socket.close()
})

test('a reader that stops reading is given up after the deadline', async () => {
  const held: Socket[] = []
  const server = createServer((socket) => void held.push(socket.pause()))
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  const device = socketDevice(tcpTarget((server.address() as AddressInfo).port), 200)
  await device.open()
  const started = Date.now()
  await assert.rejects(async () => {
    for (let i = 0; i < 100; i++) await device.write([`${'x'.repeat(1_000_000)}\n`])
  }, /200 ms/)
  assert.ok(Date.now() - started < 5000)
  const closing = Date.now()
  await device.close()
  assert.ok(Date.now() - closing < 300, 'what hangs is not waited for')
  for (const socket of held) socket.destroy()
  await new Promise((resolve) => void server.close(resolve))
})

test('an address where nobody listens is an error of opening', async () => {
  const collector = new Collector({ port: 0 })
  const port = await collector.start()
  await collector.stop()
  await assert.rejects(socketDevice(tcpTarget(port), 1000).open(), /ECONNREFUSED/)
  await assert.rejects(socketDevice({ ...tcpTarget(port), host: 'no-such-host.invalid' }, 5000).open())
})
