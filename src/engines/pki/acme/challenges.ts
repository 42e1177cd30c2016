/** The three ways to prove control of a name: http-01, dns-01 (RFC 8555 §8), tls-alpn-01 (RFC 8737). Each throws a problem unless the proof is there. */
import { createHash, timingSafeEqual } from 'node:crypto'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { isIP } from 'node:net'
import { connect, type TLSSocket } from 'node:tls'
import { octetString } from '../../../crypto/der.ts'
import { parseCertificate } from '../../../crypto/x509/certificate.ts'
import { extensionIds } from '../../../crypto/x509/extensions.ts'
import { ipBytes, ipText, parseNames } from '../../../crypto/x509/general-names.ts'
import { reachableAddress, resolverFor } from './addresses.ts'
import type { AcmeConfig } from './config.ts'
import { AcmeProblem } from './problem.ts'
import type { Identifier } from './records.ts'

const timeoutMs = 10_000
const redirectsMax = 10
const bodyMax = 8192

const isSame = (given: string, wanted: string): boolean => given.length === wanted.length && timingSafeEqual(Buffer.from(given), Buffer.from(wanted))

export async function checkHttp(config: AcmeConfig, { value }: Identifier, token: string, keyAuthorization: string): Promise<void> {
  const host = isIP(value) === 6 ? `[${value}]` : value
  let url = new URL(`http://${host}:${config.challenge_http_port}/.well-known/acme-challenge/${token}`)
  for (let i = 0; i <= redirectsMax; i++) {
    const answer = await fetchOnce(config, url)
    if (answer.location === null) {
      if (answer.status !== 200 || !isSame(answer.body.trimEnd(), keyAuthorization)) throw new AcmeProblem('incorrectResponse', `the key authorization was not found at the challenge’s URL (status ${answer.status})`)
      return
    }
    url = redirected(config, url, answer.location)
  }
  throw new AcmeProblem('connection', 'there were too many redirects')
}

/** Redirects may lead to the two ports that challenges are about, and nowhere else. */
function redirected(config: AcmeConfig, from: URL, location: string): URL {
  const url = URL.canParse(location, from.href) ? new URL(location, from.href) : null
  const port = url === null ? 0 : Number(url.port || (url.protocol === 'https:' ? 443 : 80))
  const isAllowed = url !== null && (url.protocol === 'http:' || url.protocol === 'https:') && [80, 443, config.challenge_http_port, config.challenge_tls_port].includes(port)
  if (url === null || !isAllowed || url.username !== '' || url.password !== '') throw new AcmeProblem('connection', 'a redirect leads to where challenges are not looked for')
  return url
}

interface Fetched {
  readonly status: number
  readonly location: string | null
  readonly body: string
}

async function fetchOnce(config: AcmeConfig, url: URL): Promise<Fetched> {
  const hostname = url.hostname.replaceAll(/[[\]]/g, '')
  const address = await reachableAddress(config, hostname)
  const isTls = url.protocol === 'https:'
  return await new Promise<Fetched>((resolve, reject) => {
    const fail = (): void => reject(new AcmeProblem('connection', `no usable answer came from ${url.host}`))
    const options = {
      host: address, port: Number(url.port || (isTls ? 443 : 80)), path: `${url.pathname}${url.search}`, method: 'GET', agent: false, timeout: timeoutMs,
      headers: { Host: url.host, 'User-Agent': 'Coffer ACME', Connection: 'close' }, ...(isTls ? { servername: isIP(hostname) === 0 ? hostname : '', rejectUnauthorized: false } : {}),
    }
    const sent = (isTls ? httpsRequest : httpRequest)(options, (answer) => void readAnswer(answer).then(resolve, fail))
    const deadline = setTimeout(() => sent.destroy(new Error('timeout')), timeoutMs)
    sent.on('timeout', () => sent.destroy(new Error('timeout'))).on('error', fail).on('close', () => clearTimeout(deadline)).end()
  })
}

async function readAnswer(answer: IncomingMessage): Promise<Fetched> {
  const { statusCode: status = 0, headers } = answer
  const location = [301, 302, 303, 307, 308].includes(status) ? (headers.location ?? '') : null
  const chunks: Buffer[] = []
  let size = 0
  if (location === null) {
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      size += chunk.length
      if (size > bodyMax) break
      chunks.push(chunk)
    }
  }
  answer.destroy()
  return { status, location, body: Buffer.concat(chunks).toString('latin1') }
}

export async function checkDns(config: AcmeConfig, { value }: Identifier, _token: string, keyAuthorization: string): Promise<void> {
  const name = `_acme-challenge.${value}`
  const wanted = createHash('sha256').update(keyAuthorization).digest('base64url')
  let records: string[][] = []
  try {
    records = await resolverFor(config).resolveTxt(name)
  } catch {
    throw new AcmeProblem('dns', `no TXT record was found for ${name}`)
  }
  if (!records.some((parts) => isSame(parts.join(''), wanted))) throw new AcmeProblem('unauthorized', `no TXT record of ${name} is that of the challenge`)
}

/** What RFC 8738 §6 asks for in place of a name, where an address is proven. */
const serverName = (value: string): string => {
  if (isIP(value) === 0) return value
  const bytes = ipBytes(value)
  return bytes.length === 4 ? `${[...bytes].reverse().join('.')}.in-addr.arpa` : `${[...bytes.toString('hex')].reverse().join('.')}.ip6.arpa`
}

export async function checkTls(config: AcmeConfig, { value }: Identifier, _token: string, keyAuthorization: string): Promise<void> {
  const shown = await shownCertificate(config, value)
  const certificate = parseShown(shown)
  const proof = certificate.extensions.get(extensionIds.acmeIdentifier)
  const wanted = octetString(createHash('sha256').update(keyAuthorization).digest())
  if (proof?.isCritical !== true || proof.value.length !== wanted.length || !timingSafeEqual(proof.value, wanted)) throw new AcmeProblem('unauthorized', 'the certificate that was shown has not the extension of the challenge')
  const names = certificate.extensions.get(extensionIds.alternativeNames)
  const { dns, ip, email, uri, other, unknown } = names === undefined ? { dns: [], ip: [], email: [], uri: [], other: [], unknown: 0 } : parseNames(names.value)
  const all = [...dns.map((name) => name.toLowerCase()), ...ip]
  if (all.length !== 1 || all[0] !== (isIP(value) === 0 ? value : ipText(ipBytes(value))) || email.length + uri.length + other.length + unknown > 0) throw new AcmeProblem('unauthorized', 'the certificate that was shown is not for this name alone')
}

function parseShown(der: Buffer): ReturnType<typeof parseCertificate> {
  try {
    return parseCertificate(der)
  } catch {
    throw new AcmeProblem('tls', 'the certificate that was shown could not be read')
  }
}

const protocol = 'acme-tls/1'

async function shownCertificate(config: AcmeConfig, value: string): Promise<Buffer> {
  const host = await reachableAddress(config, value)
  return await new Promise<Buffer>((resolve, reject) => {
    const fail = (reason: string) => (): void => {
      socket.destroy()
      reject(new AcmeProblem('tls', reason))
    }
    const socket: TLSSocket = connect({ host, port: config.challenge_tls_port, servername: serverName(value), ALPNProtocols: [protocol], rejectUnauthorized: false, timeout: timeoutMs }, () => {
      const { raw } = socket.getPeerCertificate()
      if (socket.alpnProtocol !== protocol || !Buffer.isBuffer(raw)) return fail(`the protocol ${protocol} was not agreed on`)()
      socket.destroy()
      resolve(raw)
    })
    const deadline = setTimeout(fail('no handshake in time'), timeoutMs)
    socket.on('timeout', fail('no handshake in time')).on('error', fail(`no TLS handshake with ${value}`)).on('close', () => clearTimeout(deadline))
  })
}
