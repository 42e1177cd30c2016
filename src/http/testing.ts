/** For the tests of this folder: listeners on free ports, a client that sends bytes as they stand, and keys that protect nothing. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect as connectTcp, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectTls, type ConnectionOptions } from 'node:tls'
import type { WireRequest, WireResponse } from '../request/wire.ts'
import type { WireHost } from './exchange.ts'
import { listenerDefaults, type ListenerSettings } from './listener-settings.ts'
import { startListener, type Listener } from './listener.ts'
import { defaultTls, type TlsSettings } from './tls.ts'

const caCert = `-----BEGIN CERTIFICATE-----
MIIBezCCASGgAwIBAgIUfMp9iER3CJYXhoZnuz3eDnSWUTgwCgYIKoZIzj0EAwIw
EjEQMA4GA1UEAwwHVGVzdCBDQTAgFw0yNjExMjEwMzQ0MTNaGA8yMTI2MTAyODAz
NDQxM1owEjEQMA4GA1UEAwwHVGVzdCBDQTBZMBMGByqGSM49AgEGCCqGSM49AwEH
A0IABH3UdmrR93bOykEsP4DrllWFJIL0GRqTddljAfdD/dKR4/MKP8jHv3ngSw/O
evJBxUrGjRPSidz3phOVl8EkShijUzBRMB0GA1UdDgQWBBRIaPMRx+RZmBMXhV5r
E0tmwPR62zAfBgNVHSMEGDAWgBRIaPMRx+RZmBMXhV5rE0tmwPR62zAPBgNVHRMB
Af8EBTADAQH/MAoGCCqGSM49BAMCA0gAMEUCIC/jXr0or8aaHKrlDxJtQq//YkZw
ox03ehaLwvuFm5tXAiEAv4nWllUFUjMw4Ib+VnnNMB8FC8eaXqg0S+sNnlkuqo4=
-----END CERTIFICATE-----
`
const serverCert = `-----BEGIN CERTIFICATE-----
MIIBhTCCASugAwIBAgIULtm3LyB79VmZ08eXprRVFU7Rgy8wCgYIKoZIzj0EAwIw
EjEQMA4GA1UEAwwHVGVzdCBDQTAgFw0yNjExMjEwMzQ0MTNaGA8yMTI2MTAyODAz
NDQxM1owETEPMA0GA1UEAwwGc2VydmVyMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcD
QgAEDwNx78VYGwj0lABL74cgahlH3VriPb/2luzPdOJP7yRoNVmgaBWowVmI70zG
6aow0DoXpyCJj47LU6TmfLl4ZaNeMFwwGgYDVR0RBBMwEYIJbG9jYWxob3N0hwR/
AAABMB0GA1UdDgQWBBSBkIp3I71s92+SyNtKqQxoG9cuYDAfBgNVHSMEGDAWgBRI
aPMRx+RZmBMXhV5rE0tmwPR62zAKBggqhkjOPQQDAgNIADBFAiAyJptju+VsTzsP
wwp9HEPHesP93LpdC5ACX5hiUEs7wgIhAIL0wRz8UnB2YjA+rcZWGsbuC1jE2ix3
xpIYy7KlVpqM
-----END CERTIFICATE-----
`
const serverKey = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgvVMOnfCDkmZTbIUE
olcfiM202DS7P5a7JA+2/oxrNI+hRANCAAQPA3HvxVgbCPSUAEvvhyBqGUfdWuI9
v/aW7M904k/vJGg1WaBoFajBWYjvTMbpqjDQOhenIImPjstTpOZ8uXhl
-----END PRIVATE KEY-----
`
const otherCert = `-----BEGIN CERTIFICATE-----
MIIBhTCCASqgAwIBAgIULtm3LyB79VmZ08eXprRVFU7RgzAwCgYIKoZIzj0EAwIw
EjEQMA4GA1UEAwwHVGVzdCBDQTAgFw0yNjExMjEwMzQ0MTNaGA8yMTI2MTAyODAz
NDQxM1owEDEOMAwGA1UEAwwFb3RoZXIwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNC
AAR3S2ZhheA0ikLO7G2GpUXir0kUmQdE5A1/3hX61s9IIKzDfjHbptPhFbZmzcsQ
dmO+euEcRRP8nRHMmG1d4MWlo14wXDAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8A
AAEwHQYDVR0OBBYEFPzy2vgAXZJKEyy6wsjYzME++Vr6MB8GA1UdIwQYMBaAFEho
8xHH5FmYExeFXmsTS2bA9HrbMAoGCCqGSM49BAMCA0kAMEYCIQCPzyJ/tFkvv9LV
4QwI+RyhbGRS0qn8oLjP/b5Cx+NrYgIhAKpeA2VV9GsYmYvGpJAE8Nfh+qaHXCAw
3G/iAAW803oM
-----END CERTIFICATE-----
`
const otherKey = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgdfh0YX5LaVYq6+II
hl6sbDWOOzUmutVqbzD14nrUBp2hRANCAAR3S2ZhheA0ikLO7G2GpUXir0kUmQdE
5A1/3hX61s9IIKzDfjHbptPhFbZmzcsQdmO+euEcRRP8nRHMmG1d4MWl
-----END PRIVATE KEY-----
`
const clientCert = `-----BEGIN CERTIFICATE-----
MIIBHzCBxgIULtm3LyB79VmZ08eXprRVFU7RgzEwCgYIKoZIzj0EAwIwEjEQMA4G
A1UEAwwHVGVzdCBDQTAgFw0yNjExMjEwMzQ0MTNaGA8yMTI2MTAyODAzNDQxM1ow
ETEPMA0GA1UEAwwGY2xpZW50MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEHWyJ
bW8QZDbBhF3LHZCL1ZznNaZp2yerxHlLiZt2XAXLlzV6KRlffQ31t6J64GGeRNZ+
EGVerIdulKguQ4DIeTAKBggqhkjOPQQDAgNIADBFAiATaQExjBGx28Z/OcwOkzL+
8jkTeLIsbs0ppl0phzzkTgIhAI30krH36EWv5tyRZWCWYe+GiCApMhyDCoILPeRb
zn7c
-----END CERTIFICATE-----
`
const clientKey = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgn0FBk6W7e0XdcIlg
qiE9Qa5BeFHEKTAKI62iY7tAfCGhRANCAAQdbIltbxBkNsGEXcsdkIvVnOc1pmnb
J6vEeUuJm3ZcBcuXNXopGV99DfW3onrgYZ5E1n4QZV6sh26UqC5DgMh5
-----END PRIVATE KEY-----
`
const strangerCert = `-----BEGIN CERTIFICATE-----
MIIBfjCCASOgAwIBAgIUSyNAz7mJYDKrcp8ctLlvS6ZxWqEwCgYIKoZIzj0EAwIw
EzERMA8GA1UEAwwIc3RyYW5nZXIwIBcNMjYxMTIxMDM0NDEzWhgPMjEyNjEwMjgw
MzQ0MTNaMBMxETAPBgNVBAMMCHN0cmFuZ2VyMFkwEwYHKoZIzj0CAQYIKoZIzj0D
AQcDQgAEd0tmYYXgNIpCzuxthqVF4q9JFJkHROQNf94V+tbPSCCsw34x26bT4RW2
Zs3LEHZjvnrhHEUT/J0RzJhtXeDFpaNTMFEwHQYDVR0OBBYEFPzy2vgAXZJKEyy6
wsjYzME++Vr6MB8GA1UdIwQYMBaAFPzy2vgAXZJKEyy6wsjYzME++Vr6MA8GA1Ud
EwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDSQAwRgIhAO5d9ecUL4vzu76Xzz4hPn6I
DPb9nVBN8RATDr//tlRYAiEAljNJT55Pz77UABTe2Gh+AHmfsqsompTKmCFzXP+t
yTE=
-----END CERTIFICATE-----
`

/** Made with openssl, valid until 2126. `other` is a second pair for the same names; `stranger` is self-signed with its key. */
export const pki = { caCert, serverCert, serverKey, otherCert, otherKey, clientCert, clientKey, strangerCert }

/** The time at every test server. */
export const testTime = Date.UTC(2030, 0, 2, 3, 4, 5)

export interface TestServer {
  readonly listener: Listener
  /** What `serve` was asked, in order. */
  readonly requests: WireRequest[]
  /** What the listener reported. */
  readonly problems: string[]
  connect(): RawClient
  stop(): Promise<void>
}

/** Answers with what was asked: `{"verb","path","data"}`. */
const describeRequest = ({ verb, path, data }: WireRequest): WireResponse => ({ status: 200, body: JSON.stringify({ verb, path, data }) })

/** A listener on a free port, or with `tls` in its settings on a TLS one. */
export async function startTestServer(settings: Partial<ListenerSettings> = {}, host: Partial<WireHost> = {}): Promise<TestServer> {
  const requests: WireRequest[] = []
  const problems: string[] = []
  const answer = host.serve ?? (async (request: WireRequest) => describeRequest(request))
  const listener = await startListener(
    { ...listenerDefaults, address: { host: '127.0.0.1', port: 0 }, ...settings },
    {
      now: () => testTime,
      cors: () => null,
      report: (problem, error) => problems.push(`${problem}: ${String(error)}`),
      ...host,
      serve: async (request) => {
        requests.push(request)
        return answer(request)
      },
    },
  )
  return {
    listener,
    requests,
    problems,
    connect: () => {
      const { address } = listener
      if ('path' in address) return new RawClient(connectTcp(address.path))
      return new RawClient(settings.tls ? connectTls({ ...address, ca: pki.caCert }) : connectTcp(address))
    },
    stop: () => listener.stop(0),
  }
}

/** Runs with a server and a connection to it, and closes both whatever happens. */
export async function withServer(
  settings: Partial<ListenerSettings>,
  host: Partial<WireHost>,
  run: (client: RawClient, server: TestServer) => Promise<void>,
): Promise<void> {
  const server = await startTestServer(settings, host)
  const client = server.connect()
  try {
    await run(client, server)
  } finally {
    client.close()
    await server.stop()
  }
}

/** A connection over TLS with options of its own. */
export const connectWith = (server: TestServer, options: ConnectionOptions): RawClient =>
  new RawClient(connectTls({ ...(server.listener.address as { host: string; port: number }), ca: pki.caCert, ...options }))

export interface RawAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly text: string
}

/** A connection to write bytes to and read answers from. */
export class RawClient {
  readonly socket: Socket
  #received = ''
  #closed = false
  #wake: () => void = () => undefined
  error: Error | null = null
  constructor(socket: Socket) {
    this.socket = socket
    socket.setNoDelay(true)
    socket.on('data', (chunk) => {
      this.#received += chunk.toString('latin1')
      this.#wake()
    })
    socket.on('error', (error) => {
      this.error = error
    })
    socket.on('close', () => {
      this.#closed = true
      this.#wake()
    })
  }

  /** Sends each part as a segment of its own. */
  async send(...parts: string[]): Promise<void> {
    for (const part of parts) {
      await new Promise<void>((resolve) => this.socket.write(part, 'latin1', () => resolve()))
      if (parts.length > 1) await pause(4)
    }
  }

  /** The next answer; null when the connection closes before. */
  async answer(isHead = false): Promise<RawAnswer | null> {
    for (;;) {
      const found = takeAnswer(this.#received, isHead)
      if (found !== null) {
        this.#received = this.#received.slice(found.length)
        return found.answer
      }
      if (this.#closed) return null
      await this.#change()
    }
  }

  /** Sends a request and reads its answer. */
  async ask(head: string, body = ''): Promise<RawAnswer> {
    await this.send(requestText(head, body))
    const answer = await this.answer(head.startsWith('HEAD '))
    if (answer === null) throw new Error(`no answer to ${head}: ${this.error?.message ?? 'closed'}`)
    return answer
  }

  /** Everything received and not yet taken as an answer. */
  get rest(): string {
    return this.#received
  }

  async closed(): Promise<void> {
    while (!this.#closed) await this.#change()
  }

  close(): void {
    this.socket.destroy()
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }
}

function takeAnswer(text: string, isHead: boolean): { answer: RawAnswer; length: number } | null {
  const end = text.indexOf('\r\n\r\n')
  if (end < 0) return null
  const [first = '', ...lines] = text.slice(0, end).split('\r\n')
  const status = Number(first.split(' ')[1])
  const headers = Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
  )
  const length = isHead || status === 204 || status === 100 ? 0 : Number(headers['content-length'] ?? 0)
  if (text.length < end + 4 + length) return null
  return { answer: { status, headers, text: text.slice(end + 4, end + 4 + length) }, length: end + 4 + length }
}

/** The bytes of a request: `GET /v1/x` and further header lines, then the body with its length. */
export function requestText(head: string, body = ''): string {
  const [first = '', ...headers] = head.split('\n')
  const length = body === '' ? [] : [`Content-Length: ${Buffer.byteLength(body, 'latin1')}`]
  return [`${first} HTTP/1.1`, 'Host: x', ...headers, ...length, '', body].join('\r\n')
}

export const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds))

export interface TestFolder {
  readonly path: string
  file(name: string, content: string): Promise<string>
  remove(): Promise<void>
}

export async function makeFolder(): Promise<TestFolder> {
  const path = await mkdtemp(join(tmpdir(), 'coffer-http-'))
  return {
    path,
    file: async (name, content) => {
      await writeFile(join(path, name), content)
      return join(path, name)
    },
    remove: () => rm(path, { recursive: true, force: true }),
  }
}

/** TLS settings with the files of the test PKI in `folder`. */
export async function tlsIn(folder: TestFolder, changes: Partial<TlsSettings> = {}): Promise<TlsSettings> {
  const certFile = await folder.file('server.pem', pki.serverCert)
  const keyFile = await folder.file('server.key', pki.serverKey)
  return { ...defaultTls, certFile, keyFile, ...changes }
}

/** Numbers below a bound from a seed (xorshift), for fuzzing that can be repeated. */
export function seededRandom(seed: number): (below: number) => number {
  let state = seed | 1
  return (below) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
}
