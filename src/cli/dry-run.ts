/** Requests that are printed instead of sent: as a curl command, or as the policy that would allow them. */
import { stringifyExact } from '../../client/src/exact-json.ts'
import { urlOf, type PlannedRequest } from './api.ts'

/** Thrown where the request would have been sent; `text` goes to stdout. */
export class DryRun extends Error {
  override readonly name = 'DryRun'
  readonly text: string
  constructor(text: string) {
    super('printed instead of sent')
    this.text = text
  }
}

export interface CurlSettings {
  readonly program: string
  readonly insecure: boolean
  readonly caCert: string | undefined
  readonly caPath: string | undefined
  readonly clientCert: string | undefined
  readonly clientKey: string | undefined
}

/** One line for a POSIX shell. The token does not appear: `$(coffer print token)` stands in its place. */
export function curlCommand(request: PlannedRequest, settings: CurlSettings): string {
  const socket = request.address.startsWith('unix://') ? request.address.slice('unix://'.length) : null
  const url = socket === null ? urlOf(request) : urlOf({ ...request, address: 'http://localhost' })
  const words = [
    'curl',
    ...(settings.insecure ? ['--insecure'] : []),
    ...(socket === null ? [] : ['--unix-socket', singleQuoted(socket)]),
    ...(request.method === 'GET' ? [] : ['-X', request.method]),
    ...fileOption('--cacert', settings.caCert),
    ...fileOption('--capath', settings.caPath),
    ...fileOption('--cert', settings.clientCert),
    ...fileOption('--key', settings.clientKey),
    ...Object.entries(request.headers).flatMap(([name, value]) => ['-H', headerWord(name, value, settings.program)]),
    ...(request.body === undefined ? [] : ['-d', singleQuoted(stringifyExact(request.body))]),
  ]
  return `${words.join(' ')} ${doubleQuoted(url)}`
}

const fileOption = (option: string, file: string | undefined): string[] => (file === undefined ? [] : [option, singleQuoted(file)])

const headerWord = (name: string, value: string, program: string): string =>
  name.toLowerCase() === 'x-vault-token' ? `"${name}: $(${program} print token)"` : doubleQuoted(`${name}: ${value}`)

const singleQuoted = (text: string): string => `'${text.replaceAll("'", `'"'"'`)}'`
const doubleQuoted = (text: string): string => `"${text.replace(/["\\$`]/g, '\\$&')}"`

const capabilitiesOf: Readonly<Record<string, readonly string[]>> = {
  GET: ['read'],
  PUT: ['create', 'update'],
  POST: ['create', 'update'],
  PATCH: ['patch'],
  DELETE: ['delete'],
  LIST: ['list'],
}

/** A stanza of policy in HCL. */
export function policyFor(request: PlannedRequest): string {
  const method = request.query?.['list'] === true ? 'LIST' : request.method
  const capabilities = [...(capabilitiesOf[method] ?? []), ...(isRootProtected(request.path) ? ['sudo'] : [])]
  const list = capabilities.map((name) => `"${name}"`).join(', ')
  return `path ${JSON.stringify(request.path)} {\n  capabilities = [${list}]\n}`
}

/** Paths that ask for `sudo` besides their capability; the list of Vault's documentation of policies. */
const rootProtected = [
  'auth/token/accessors/?',
  'auth/token/revoke-orphan',
  'pki/root(/sign-self-issued)?',
  'sys/audit(/.+)?',
  'sys/auth/.+',
  'sys/config/auditing/request-headers(/.+)?',
  'sys/config/cors',
  'sys/config/ui/headers(/.*)?',
  'sys/internal/inspect/router/.+',
  'sys/leases/(lookup|revoke-force|revoke-prefix)/.*',
  'sys/plugins/catalog/[^/]+(/.+)?',
  'sys/raw(/.*)?',
  'sys/remount',
  'sys/rotate(/.*)?',
  'sys/seal',
  'sys/step-down',
  'sys/storage/raft/snapshot-auto/config/.*',
]
const rootProtectedPattern = new RegExp(`^(?:${rootProtected.join('|')})$`)
const isRootProtected = (path: string): boolean => rootProtectedPattern.test(path.replace(/^\/+/, ''))
