/** From flags, environment and saved tokens to the server: nothing here sends a request. */
import { createClient, type Client, type ClientOptions } from '../../client/src/client.ts'
import { ClientError } from '../../client/src/errors.ts'
import { readVariable, variableName, type Environment } from '../../client/src/node/environment.ts'
import { nodeFetch, nodeStream, type NodeFetchOptions, type TlsOptions } from '../../client/src/node/transport.ts'
import type { ProxyChoice } from '../../client/src/node/proxy.ts'
import type { Upstream } from '../agent/proxy/upstream.ts'
import { createApi, type Api, type PlannedRequest, type StreamedAnswer } from './api.ts'
import { formatDuration, parseSeconds } from './duration.ts'
import { remoteError } from './failure.ts'
import { parseBool, parseInteger, type FlagValues } from './flags.ts'
import type { httpFlags } from './global-flags.ts'
import type { Host } from './host.ts'

export type HttpValues = FlagValues<typeof httpFlags>

const defaultAddress = 'http://127.0.0.1:8200'

/** The address that a command would talk to. */
export const addressFor = (flags: Pick<HttpValues, 'address' | 'agent-address'>): string =>
  (flags['agent-address'] || flags.address || defaultAddress).replace(/\/+$/, '')

/** The server with a token ('' for none). Throws `Failure` (2) for settings that make no sense. */
export async function connect(host: Host, flags: HttpValues, token: string): Promise<Api> {
  const transport = await transportFor(host, flags)
  return createApi({
    client: clientOver(transport, host, flags, {}),
    token: checkToken(token),
    headers: headersFor(flags),
    namespace: normalNamespace(flags.namespace ?? ''),
    wrapTtl: flags['wrap-ttl'] ? formatDuration(flags['wrap-ttl']) : undefined,
    open: (url, headers, upload) => openStream(transport, url, headers, upload),
    instead: await insteadOfSending(host, flags),
  })
}

export type LongOptions = Pick<ClientOptions, 'token' | 'exactNumbers' | 'maxRetries'> & {
  /** Default true. */
  readonly keepAlive?: boolean
}

/** The client itself, for what runs for long. Throws `Failure` (2) for settings that make no sense. */
export async function connectClient(host: Host, flags: HttpValues, { keepAlive = true, ...options }: LongOptions): Promise<Client> {
  const namespace = normalNamespace(flags.namespace ?? '')
  return clientOver(await transportFor(host, flags, keepAlive), host, flags, { headers: headersFor(flags), namespace, ...options })
}

/** The server without a client in between, for requests that are somebody else's. Throws like `connectClient`. */
export async function connectUpstream(host: Host, flags: HttpValues, { keepAlive = true, maxRetries = 0 }: Pick<LongOptions, 'keepAlive' | 'maxRetries'>): Promise<Upstream> {
  const open = nodeStream(await transportFor(host, flags, keepAlive))
  return { address: addressFor(flags), namespace: normalNamespace(flags.namespace ?? ''), open, maxRetries, timeoutMs: timeoutFrom(host.environment) }
}

const transportFor = async (host: Host, flags: HttpValues, keepAlive = true): Promise<NodeFetchOptions> => ({ tls: await tlsFor(host.environment, flags), keepAlive, ...(await proxyFor(host.environment)) })

function clientOver(transport: NodeFetchOptions, { environment }: Host, flags: HttpValues, more: Partial<ClientOptions>): Client {
  const options = {
    address: addressFor(flags),
    maxRetries: retriesFrom(environment),
    timeoutMs: timeoutFrom(environment),
    redirects: !flags['disable-redirects'],
    fetch: nodeFetch(transport),
    ...more,
  }
  return attempt('failed to create client', () => createClient(options))
}

/** No deadline: the answer goes on for as long as somebody listens. */
async function openStream(transport: NodeFetchOptions, url: string, headers: Readonly<Record<string, string>>, upload?: AsyncIterable<Uint8Array>): Promise<StreamedAnswer> {
  const method = upload === undefined ? 'GET' : 'POST'
  const init = { method, headers: { ...headers }, signal: new AbortController().signal, redirect: 'manual' as const, ...(upload === undefined ? {} : { upload }) }
  try {
    const answer = await nodeStream({ ...transport, keepAlive: false })(url, init)
    return { status: answer.statusCode ?? 0, chunks: answer }
  } catch (error) {
    throw new ClientError({ code: 'network', status: 0, errors: [(error as Error).message], method, url: url.replace(/\?.*$/, '') })
  }
}

function attempt<T>(what: string, make: () => T): T {
  try {
    return make()
  } catch (error) {
    throw remoteError(`${what}: ${error instanceof Error ? error.message : String(error)}`)
  }
}

/** `a/b/`, as the header carries it; '' is the root. */
const normalNamespace = (namespace: string): string => {
  const bare = namespace.replace(/^\/+|\/+$/g, '')
  return bare === '' || bare === 'root' ? '' : `${bare}/`
}

function checkToken(token: string): string {
  if (/[^\u0020-\u007e]/.test(token)) throw remoteError('the token contains characters that no token has; save or export it again')
  return token
}

function headersFor(flags: HttpValues): Record<string, string> {
  const own = flags.header ?? {}
  const refused = Object.keys(own).filter((name) => /^x-vault-/i.test(name))
  if (refused.length > 0) throw remoteError(`-header may not set ${refused.join(', ')}: X-Vault- headers belong to the command`)
  return {
    ...own,
    ...(flags['policy-override'] ? { 'X-Vault-Policy-Override': 'true' } : {}),
    ...(flags.mfa === undefined ? {} : { 'X-Vault-MFA': flags.mfa.join(',') }),
  }
}

async function insteadOfSending(host: Host, flags: HttpValues): Promise<((request: PlannedRequest) => never) | undefined> {
  if (!flags['output-curl-string'] && !flags['output-policy']) return undefined
  const { curlCommand, DryRun, policyFor } = await import('./dry-run.ts')
  const settings = {
    program: host.program,
    insecure: flags['tls-skip-verify'],
    caCert: flags['ca-cert'],
    caPath: flags['ca-path'],
    clientCert: flags['client-cert'],
    clientKey: flags['client-key'],
  }
  return (request) => {
    throw new DryRun(flags['output-curl-string'] ? curlCommand(request, settings) : policyFor(request))
  }
}

/** Retries are off on the command line unless asked for: a person wants to know at once. */
function retriesFrom(environment: Environment): number {
  const raw = readVariable(environment, 'MAX_RETRIES')
  const retries = raw === undefined ? 0 : parseInteger(raw)
  if (retries === null || retries < 0) throw remoteError(`could not parse ${variableName(environment, 'MAX_RETRIES')}: not a count`)
  return retries
}

function timeoutFrom(environment: Environment): number {
  const raw = readVariable(environment, 'CLIENT_TIMEOUT')
  if (raw === undefined) return 60_000
  const seconds = parseSeconds(raw)
  if (seconds === null || seconds < 0) throw remoteError(`could not parse ${variableName(environment, 'CLIENT_TIMEOUT')}: not a duration`)
  return seconds * 1000
}

async function tlsFor(environment: Environment, flags: HttpValues): Promise<TlsOptions> {
  const caBytes = readVariable(environment, 'CACERT_BYTES')
  const certBytes = readVariable(environment, 'CLIENT_CERT_BYTES')
  const keyBytes = readVariable(environment, 'CLIENT_KEY_BYTES')
  const variable = readVariable(environment, 'SKIP_VERIFY')
  if (variable !== undefined && parseBool(variable) === null) {
    throw remoteError(`could not parse ${variableName(environment, 'SKIP_VERIFY')}: write true or false`)
  }
  const files = flags['ca-cert'] ?? flags['ca-path'] ?? flags['client-cert'] ?? flags['client-key']
  const { readCertificates, readPem } = files === undefined ? noFiles : await import('./certificates.ts')
  const hasFile = flags['ca-cert'] !== undefined || flags['ca-path'] !== undefined
  const ca = hasFile ? readCertificates(flags['ca-cert'], flags['ca-path']) : caBytes
  const cert = flags['client-cert'] === undefined ? certBytes : readPem(flags['client-cert'], '-client-cert')
  const key = flags['client-key'] === undefined ? keyBytes : readPem(flags['client-key'], '-client-key')
  if ((cert === undefined) !== (key === undefined)) throw remoteError('-client-cert and -client-key go together: both or none')
  return {
    insecure: flags['tls-skip-verify'],
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined || key === undefined ? {} : { cert, key }),
    ...(flags['tls-server-name'] === undefined ? {} : { serverName: flags['tls-server-name'] }),
  }
}

const noFiles = { readCertificates: () => undefined, readPem: () => undefined }

/** PROXY_ADDR beats the rest; the usual variables of other programs count, too. */
async function proxyFor(environment: Environment): Promise<{ proxy?: ProxyChoice }> {
  const always = readVariable(environment, 'PROXY_ADDR') ?? readVariable(environment, 'HTTP_PROXY')
  const http = environment['HTTP_PROXY'] ?? environment['http_proxy']
  const https = environment['HTTPS_PROXY'] ?? environment['https_proxy']
  if (!always && !http && !https) return {}
  const { proxyFromVariables } = await import('../../client/src/node/proxy.ts')
  return { proxy: proxyFromVariables({ always, http, https, noProxy: environment['NO_PROXY'] ?? environment['no_proxy'] }) }
}
