/** Signature Version 4 of AWS: an HMAC over a canonical form of the request, with a key for one day, region and service. */
import { createHash, createHmac } from 'node:crypto'

export interface AwsCredentials {
  readonly accessKey: string
  readonly secretKey: string
  /** Of temporary credentials; '' for none. */
  readonly sessionToken: string
}

export interface AwsRequest {
  readonly method: string
  readonly url: string
  /** Names in lower case. `host` and the signature are added. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')
const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest()
const encode = (text: string): string => encodeURIComponent(text).replace(/[!'()*]/g, (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`)

function canonicalQuery(params: URLSearchParams): string {
  const pairs = [...params].map(([name, value]) => [encode(name), encode(value)] as const)
  return pairs.sort(([a, x], [b, y]) => (a === b ? (x < y ? -1 : 1) : a < b ? -1 : 1)).map((pair) => pair.join('=')).join('&')
}

/** Each part encoded once more than it stands in the URL, as all services but S3 want it. */
const canonicalPath = (path: string): string => path.split('/').map(encode).join('/')

/** The headers with which the request is sent. `now` is in milliseconds since 1970. */
export function signAws(request: AwsRequest, { accessKey, secretKey, sessionToken }: AwsCredentials, region: string, service: string, now: number): Record<string, string> {
  const url = new URL(request.url)
  const stamp = new Date(now).toISOString().replace(/[:-]|\.\d{3}/g, '')
  const headers: Record<string, string> = {
    ...request.headers, host: url.host, 'x-amz-date': stamp, ...(sessionToken !== '' && { 'x-amz-security-token': sessionToken }),
  }
  const names = Object.keys(headers).sort()
  const lines = names.map((name) => `${name}:${(headers[name] ?? '').trim().replace(/ +/g, ' ')}\n`).join('')
  const canonical = [request.method, canonicalPath(url.pathname), canonicalQuery(url.searchParams), lines, names.join(';'), sha256(request.body)].join('\n')
  const scope = `${stamp.slice(0, 8)}/${region}/${service}/aws4_request`
  const signingKey = scope.split('/').reduce<string | Buffer>((key, part) => hmac(key, part), `AWS4${secretKey}`)
  const signature = hmac(signingKey, ['AWS4-HMAC-SHA256', stamp, scope, sha256(canonical)].join('\n')).toString('hex')
  return { ...headers, authorization: `AWS4-HMAC-SHA256 Credential=${accessKey}/${scope}, SignedHeaders=${names.join(';')}, Signature=${signature}` }
}
