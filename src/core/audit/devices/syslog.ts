/**
 * The syslog device: RFC 5424 over TCP, UDP or a unix stream socket, or the machine's own syslog. Node.js has no unix datagram
 * sockets, so `/dev/log` is reached through `logger` of util-linux; then a line counts as written when `logger` has it.
 */
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { hostname } from 'node:os'
import { syslogFacilities, type SocketTarget, type SyslogTarget } from '../config.ts'
import type { AuditDevice } from './device.ts'
import { socketDevice } from './socket.ts'
import { streamDevice, type Connection } from './stream.ts'

export interface SyslogDeviceOptions {
  readonly target: SyslogTarget
  readonly deadlineMs: number
  /** Milliseconds. */
  readonly now: () => number
  /** The program for the machine's own syslog. Never from what is stored: nothing there may name a program. */
  readonly logger?: LoggerProgram
}

export interface LoggerProgram {
  readonly command: string
  /** Before those for facility and tag. */
  readonly args: readonly string[]
}

export function syslogDevice({ target, deadlineMs, now, logger = systemLogger }: SyslogDeviceOptions): AuditDevice {
  const { address } = target
  if (address === null) return streamDevice({ connect: (lost) => startLogger(logger, target, lost), deadlineMs })
  return socketDevice(address, deadlineMs, framing(target, address, now))
}

/** Severity "informational", as Vault's. */
const severity = 6

function framing(target: SyslogTarget, address: SocketTarget, now: () => number): (line: string) => string {
  const facility = syslogFacilities.findIndex((name) => name === target.facility)
  const name = hostname().replace(/[^\x21-\x7e]/g, '').slice(0, 255) || '-'
  const head = `<${facility * 8 + severity}>1 `
  const rest = ` ${name} ${target.tag} ${process.pid} audit - `
  const message = (line: string): string => `${head}${new Date(now()).toISOString()}${rest}${line.endsWith('\n') ? line.slice(0, -1) : line}`
  if (address.transport === 'udp') return message
  // RFC 6587, 3.4.1: the length in bytes before each message.
  return (line) => {
    const text = message(line)
    return `${Buffer.byteLength(text)} ${text}`
  }
}

/** Longer lines would be cut into several messages. What the syslog daemon itself cuts (rsyslog: 8 KiB) is its own setting. */
const systemLogger: LoggerProgram = process.platform === 'linux'
  ? { command: '/usr/bin/logger', args: ['--socket-errors=on', '--size=1048576'] }
  : { command: '/usr/bin/logger', args: [] }

/** A `logger` that finds no syslog ends at once; one that still runs after this time has found it. */
const loggerProofMs = 100
const loggerEndMs = 1000

function startLogger(logger: LoggerProgram, target: SyslogTarget, lost: (reason: Error) => void): Promise<Connection> {
  return new Promise((resolve, reject) => {
    const child = spawn(logger.command, [...logger.args, '-t', target.tag, '-p', `${target.facility.toLowerCase()}.info`], { env: {}, stdio: 'pipe' })
    let complaint = ''
    const fail = (reason: Error): void => {
      clearTimeout(timer)
      lost(reason)
      reject(reason)
    }
    const timer = setTimeout(() => {
      child.unref()
      resolve({ output: child.stdin, destroy: () => void child.kill('SIGKILL'), end: () => endLogger(child) })
    }, loggerProofMs)
    child.on('error', fail)
    child.stdin.on('error', fail)
    child.stdout.resume()
    child.stderr.on('data', (chunk: Buffer) => void (complaint = (complaint + chunk.toString('utf8')).slice(0, 200)))
    child.on('exit', (code) => fail(new Error(`logger ended with ${code ?? 'a signal'}: ${complaint.trim() || 'no reason given'}`)))
  })
}

function endLogger(child: ChildProcessWithoutNullStreams): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve()
    const timer = setTimeout(() => child.kill('SIGKILL'), loggerEndMs)
    child.once('exit', () => {
      clearTimeout(timer)
      resolve()
    })
    child.stdin.end()
  })
}
