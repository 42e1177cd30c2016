/** Errors of the server and of the way to it, in the words that scripts know and people can act on. */
import { ClientError } from '../../client/src/errors.ts'
import { Failure, remoteError } from './failure.ts'

/** Runs one step of a verb; what fails becomes exit code 2 and `LABEL: what the server said`; without label, just that. */
export async function step<T>(label: string, work: () => Promise<T>, exitCode = 2): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof ClientError) throw new Failure(exitCode, label === '' ? describeError(error) : `${label}: ${describeError(error)}`)
    throw error
  }
}

/** An error of the API in Vault's form; an error on the way with what to do about it. */
export function describeError(error: ClientError): string {
  if (error.status === 0) return describeUnreached(error)
  const lead = `Error making API request.\n\nURL: ${error.method} ${error.url}\nCode: ${error.status}.`
  if (!error.parsed) return `${lead} Raw Message:\n\n${error.errors.join('')}${hintForRaw(error)}`
  return `${lead} Errors:\n\n${error.errors.map((text) => `* ${text}`).join('\n')}`
}

const hintForRaw = ({ errors }: ClientError): string =>
  /HTTP request to an HTTPS server/i.test(errors.join(' ')) ? '\n\nThis server speaks TLS: use an address that begins with https://.' : ''

interface Explanation {
  readonly pattern: RegExp
  readonly text: (address: string) => string
}

const explanations: readonly Explanation[] = [
  {
    pattern: /ECONNREFUSED|ENOENT|connection refused/i,
    text: (address) =>
      `no server answers at ${address} (connection refused)\n\n` +
      'Start one for a first try:   coffer server -dev\n' +
      'Or say where yours is:       export COFFER_ADDR=https://vault.example.com:8200   (or -address=...)',
  },
  {
    pattern: /ENOTFOUND|EAI_AGAIN|getaddrinfo/i,
    text: (address) => `the name in ${address} leads nowhere (no such host)\n\nIs it right? It comes from -address or COFFER_ADDR.`,
  },
  {
    pattern: /wrong version number|EPROTO|packet length too long/i,
    text: (address) => `${address} does not speak TLS\n\nIf the server listens without it, use an address that begins with http://.`,
  },
  {
    pattern: /self.signed|unable to (?:verify|get)|UNABLE_TO|SELF_SIGNED|unknown authority/i,
    text: (address) =>
      `the certificate of ${address} is signed by an unknown authority\n\nName the authority's PEM file with -ca-cert or COFFER_CACERT.`,
  },
  {
    pattern: /altnames|ERR_TLS_CERT_ALTNAME_INVALID/i,
    text: (address) => `the certificate of ${address} is made out to another name\n\nIf that is right, say which with -tls-server-name.`,
  },
  {
    pattern: /ECONNRESET|socket hang up/i,
    text: (address) => `${address} closed the connection without an answer\n\nDoes it perhaps expect https://?`,
  },
]

function describeUnreached(error: ClientError): string {
  if (error.code === 'bad_request') return error.errors.join('; ')
  const address = /^[a-z]+:\/\/[^/]*/.exec(error.url)?.[0] ?? error.url
  const reason = error.errors.join('; ')
  const place = error.url.startsWith('unix:') ? error.url.replace(/\/v1\/.*$/, '') : address
  return explanations.find(({ pattern }) => pattern.test(reason))?.text(place) ?? `${error.method} ${error.url}: ${reason}`
}

/** For errors outside of any step. */
export const toFailure = (error: ClientError): Failure => remoteError(describeError(error))
