/** `services/`: where a service is, whom to trust there, and the recipe by which its credentials are rotated. */
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { isAddressWithin, parseCidr } from '../../kit/cidr.ts'
import { badRequest } from '../../kit/errors.ts'
import { anything, duration, flag, nameText, optional, secret, text, textMap, type ValuesOf } from '../../kit/fields.ts'
import { path } from '../../kit/operation.ts'
import { listed } from '../../kit/result.ts'
import { parseBaseUrl, type HttpTls } from '../outbound/http.ts'
import { listPage, pageFields } from '../walk.ts'
import { valueBytesMax, valuesMax } from './call.ts'
import { parseRecipe, valueName } from './recipe.ts'
import { services, usesOf, type Service } from './records.ts'
import { secondsOf } from './rotation.ts'

const fields = {
  url: optional(text('Where the service is, as `https://api.example.com/v1`. What a recipe asks stands below it.')),
  insecure_http: optional(flag('Allow `http://` to another machine: credentials then travel in the clear.')),
  ca_cert: optional(text('Certificates of the authorities to trust, in PEM; default: those that Node.js knows.')),
  pinned_sha256: optional(text('SHA-256 of the certificate that the service must have, in hexadecimal; besides what an authority says.')),
  tls_server_name: optional(text('The name that the certificate must have, where it is not that of the host.')),
  client_cert: optional(text('Certificate to show to the service, in PEM.')),
  client_key: optional(secret(text('Its key, in PEM.'))),
  timeout: optional(duration('How long one call may take: 1 to 60 seconds. Default: 10.')),
  secrets: optional(secret(textMap('What recipes may use as `{{secret.NAME}}`, and nobody is shown; all of them at once.'))),
  recipe: optional(anything('The recipe: an object, or its JSON as a text.')),
  overlap: optional(duration('How long an old credential stays valid beside the new one before it is taken away. Default: 0.')),
}
type Input = ValuesOf<typeof fields>

const timeoutUsual = 10
const timeoutMax = 60
const allSecondsMax = 600
const overlapMax = 366 * 86_400
const loopback = ['127.0.0.0/8', '::1/128'].map(parseCidr)

function urlIn(given: string, isInsecure: boolean): string {
  const { protocol, hostname } = parseBaseUrl(given, 'url')
  const isHere = hostname === 'localhost' || isAddressWithin(loopback, hostname.replaceAll(/[[\]]/g, ''))
  if (protocol === 'http:' && !isHere && !isInsecure) throw badRequest('url must be https, or insecure_http be set: credentials would travel in the clear')
  return given
}

/** What is empty is as if it was not there. */
function tlsIn(input: Input, before: HttpTls): HttpTls {
  const pin = input.pinned_sha256?.replaceAll(':', '').toLowerCase()
  if (pin !== undefined && !/^(?:[0-9a-f]{64})?$/.test(pin)) throw badRequest('pinned_sha256 must have 64 hexadecimal digits')
  const given = { ca: input.ca_cert, cert: input.client_cert, key: input.client_key, serverName: input.tls_server_name, pin }
  const all = Object.entries({ ...before, ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) })
  const tls = Object.fromEntries(all.filter(([, value]) => value !== '')) as HttpTls
  if ((tls.cert === undefined) !== (tls.key === undefined)) throw badRequest('client_cert and client_key are only of use together')
  checkPem('ca_cert', tls.ca, (pem) => new X509Certificate(pem))
  checkPem('client_cert', tls.cert, (pem) => new X509Certificate(pem))
  checkPem('client_key', tls.key, createPrivateKey)
  return tls
}

function checkPem(field: string, pem: string | undefined, parse: (pem: string) => unknown): void {
  try {
    if (pem !== undefined) parse(pem)
  } catch (cause) {
    throw badRequest(`${field} is not what it should be, in PEM`, { cause })
  }
}

/** Throws `bad_request` that names the field. */
export function checkValues(field: string, values: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const all = Object.entries(values)
  if (all.length > valuesMax) throw badRequest(`${field} may have ${valuesMax} values`)
  if (all.some(([name, value]) => !valueName.test(name) || Buffer.byteLength(value) > valueBytesMax)) throw badRequest(`${field}: names have up to 64 letters, digits and _, and begin with a letter; values have ${valueBytesMax} bytes`)
  return values
}

/** What the record becomes. Throws `bad_request`. */
function changed(input: Input, before: Service | null): Service {
  const url = input.url ?? before?.url ?? ''
  const recipe = input.recipe === undefined ? before?.recipe : parseRecipe(input.recipe).source
  if (url === '') throw badRequest('url is missing')
  if (recipe === undefined) throw badRequest('recipe is missing')
  const isInsecure = input.insecure_http ?? before?.isInsecure ?? false
  const made: Service = {
    url: urlIn(url, isInsecure), isInsecure, recipe,
    tls: tlsIn(input, before?.tls ?? {}),
    timeoutSeconds: input.timeout ?? before?.timeoutSeconds ?? timeoutUsual,
    secrets: checkValues('secrets', input.secrets ?? before?.secrets ?? {}),
    overlapSeconds: input.overlap ?? before?.overlapSeconds ?? 0,
  }
  if (made.timeoutSeconds < 1 || made.timeoutSeconds > timeoutMax) throw badRequest(`timeout must be 1 to ${timeoutMax} seconds`)
  if (made.overlapSeconds > overlapMax) throw badRequest('overlap may be a year')
  if (secondsOf(made) > allSecondsMax) throw badRequest(`all calls of the recipe, each with its timeout, may take ${secondsOf(made)} seconds; ${allSecondsMax} are allowed`)
  return made
}

const service = path('services/{name}', { name: nameText('Name of the service.') })

const write = service.write({
  summary: 'Configure a service.',
  description: 'What is left out stays as it was. The service is not asked anything: the first rotation shows whether it works.',
  input: fields,
  exists: async ({ params, store }) => (await services.read(store, params.name)) !== null,
  async handle({ params, input, store }) {
    services.write(store, changed(input, await services.read(store, params.name)), params.name)
    return null
  },
})

const read = service.read({
  summary: 'Show a service, without its secrets.',
  async handle({ params, store }) {
    const found = await services.read(store, params.name)
    if (found === null) return null
    const { url, isInsecure, tls, timeoutSeconds, secrets, recipe, overlapSeconds } = found
    return {
      url, insecure_http: isInsecure, timeout: timeoutSeconds, overlap: overlapSeconds, recipe, secret_names: Object.keys(secrets).sort(),
      ca_cert: tls.ca ?? '', client_cert: tls.cert ?? '', pinned_sha256: tls.pin ?? '', tls_server_name: tls.serverName ?? '',
    }
  },
})

const remove = service.delete({
  summary: 'Forget a service that no key is of.',
  async handle({ params, store }) {
    const [used] = await store.list(usesOf(params.name), { limit: 1 })
    if (used !== undefined) throw badRequest(`the key ${JSON.stringify(used)} is of this service`)
    services.remove(store, params.name)
    return null
  },
})

const list = path('services').list({ summary: 'List the services.', input: pageFields, handle: async ({ store, input }) => listed(await listPage(store, 'service/', input)) })

export const serviceOperations = [list, write, read, remove]
