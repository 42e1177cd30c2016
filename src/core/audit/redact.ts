/**
 * Turns an entry into the JSON of its line, for one device: its salt, its options. Texts that may be secret become HMACs. On the path of
 * every request twice, so lines are put together from pieces, and pieces that come again (who, where, hot secrets) are remembered by the
 * identity of their objects, and die with them. What comes again for one request only stays with that.
 */
import type { AuditAuth, AuditEntry, AuditHeaders, AuditMount, AuditReason, AuditRequest, AuditResponse, AuditVerdict, AuditWrapInfo } from './entry.ts'
import { concealer, flat, hasherOf, quote, renderData, type Concealer, type DataMemo, type Holed, type LongJson } from './leaves.ts'

export interface RedactOptions {
  /** Whether accessors are hashed like tokens. Default of Vault: true. */
  readonly hmacAccessor: boolean
  /** Texts stay as they are. Bytes are hashed all the same. */
  readonly logRaw: boolean
  /** Lists are written as the number of their items. */
  readonly elideListResponses: boolean
}

/** Headers whose values are credentials: hashed also where the configuration says otherwise (CVE-2024-8365, GO-2026-5199). */
const secretHeaders = new Set(['x-vault-token', 'authorization', 'proxy-authorization', 'cookie', 'set-cookie', 'x-vault-unwrap-token'])

/**
 * Rendered `auth` of one object: valid for the token that it was rendered with. The token is kept beside its HMAC only to compare, and
 * goes together with the `auth` object, which the token cache owns: nothing here outlives that cache.
 */
interface KnownAuth {
  readonly auth: AuditAuth
  readonly token: string | undefined
  readonly tokenJson: string
  readonly accessorJson: string
  /** Without a comma before the first. */
  readonly fields: string
}

export class Redactor {
  /** The hash that a text has in this device's lines. */
  readonly hash: (text: string) => string
  readonly #options: RedactOptions
  readonly #headers: AuditHeaders
  /** For data, which `log_raw` leaves plain, and for what the options say nothing of. */
  readonly #conceal: Concealer
  readonly #auths = new WeakMap<AuditAuth, KnownAuth>()
  /** Of the line that is being made, in which one `auth` may stand several times. */
  #latest: KnownAuth | null = null
  readonly #data: DataMemo = new WeakMap()
  /** Of the last line: many are written in one millisecond. */
  #stamp = { time: Number.NaN, text: '' }

  constructor(salt: Uint8Array, options: RedactOptions, headers: AuditHeaders) {
    this.hash = hasherOf(salt)
    this.#options = options
    this.#headers = headers
    this.#conceal = concealer(salt, options.logRaw)
  }

  /** The line as a JSON object without its closing bracket, to which the chain is added. A promise when the data is very large, of bytes when the line is. */
  render(entry: AuditEntry): string | Promise<string | LongJson> {
    const request = this.#request(entry)
    const response = entry.response === undefined ? '' : this.#response(entry, entry.response)
    if (typeof request === 'string' && typeof response === 'string') return this.#line(entry, request, response)
    return this.#longLine(entry, request, response)
  }

  async #longLine(entry: AuditEntry, ...parts: readonly [Part, Part]): Promise<string | LongJson> {
    const [request, response] = await Promise.all(parts)
    const line = this.#line(entry, textOf(request), textOf(response))
    const data = [request, response].flatMap((part) => (typeof part === 'string' ? [] : [part.data]))
    return data.length === 0 ? line : line.split(hole).flatMap((text, i) => [Buffer.from(text), ...(data[i] ?? [])])
  }

  #line(entry: AuditEntry, request: string, response: string): string {
    let line = `{"time":"${this.#time(entry.time)}","type":"${entry.type}","auth":{${this.#who(entry)}},"request":{${request}}`
    this.#latest = null
    if (response !== '') line += `,"response":{${response}}`
    if (entry.error !== undefined && entry.error !== '') line += `,"error":${quote(entry.error)}`
    if (entry.why !== undefined) line += `,"why":${remembered(reasons, entry.why, quoteReason)}`
    if (entry.forwarded_from !== undefined && entry.forwarded_from !== '') line += `,"forwarded_from":${quote(entry.forwarded_from)}`
    return line
  }

  #time(time: number): string {
    if (this.#stamp.time !== time) this.#stamp = { time, text: new Date(time).toISOString() }
    return this.#stamp.text
  }

  #who(entry: AuditEntry): string {
    let json = entry.auth === undefined ? '' : this.#auth(entry.auth, entry.request.client_token).fields
    if (entry.remaining_uses !== undefined && entry.remaining_uses !== 0) json += `${json === '' ? '' : ','}"remaining_uses":${entry.remaining_uses}`
    if (entry.verdict !== undefined) json += `${json === '' ? '' : ','}"policy_results":${remembered(verdicts, entry.verdict, verdictJson)}`
    return json
  }

  /** `token`: the one of the request, which `auth` takes unless it names another. */
  #auth(auth: AuditAuth, token: string | undefined): KnownAuth {
    const known = this.#latest?.auth === auth ? this.#latest : this.#auths.get(auth)
    if (known !== undefined && known.token === token) return known
    const tokenJson = this.#secret(auth.client_token ?? token)
    const accessorJson = auth.accessor === undefined || auth.accessor === '' ? '' : this.#accessorJson(auth.accessor)
    const fields = (tokenJson === '' ? '' : `,"client_token":${tokenJson}`) + (accessorJson === '' ? '' : `,"accessor":${accessorJson}`) + authFields(auth)
    const made: KnownAuth = { auth, token, tokenJson, accessorJson, fields: flat(fields.slice(1)) }
    this.#latest = made
    if (Object.isFrozen(auth)) this.#auths.set(auth, made)
    return made
  }

  /** JSON of a token, '' for none. */
  #secret(token: string | undefined): string {
    return token === undefined || token === '' ? '' : this.#conceal.text(token)
  }

  readonly #accessorJson = (accessor: string): string => (this.#options.hmacAccessor ? this.#conceal.text(accessor) : quote(accessor))

  #request(entry: AuditEntry): Part {
    const { data, rendered: kept } = entry.request
    // Without data, rendering again is cheaper than remembering.
    if (data === undefined || data === null) return this.#requestFields(entry, entry.request, '')
    const known = kept?.get(this)
    if (known !== undefined && known.mount === entry.mount) return known.json
    const rendered = renderData(data, this.#conceal, entry.mount?.non_hmac_request_keys, this.#data)
    const finish = (json: string | LongJson): string | Holed => {
      const made = holed(json, (data) => this.#requestFields(entry, entry.request, data))
      kept?.set(this, { mount: entry.mount, json: made })
      return made
    }
    return rendered instanceof Promise ? rendered.then(finish) : finish(rendered)
  }

  #requestFields(entry: AuditEntry, request: AuditRequest, data: string): string {
    // The HMACs of the token and its accessor stand in the rendered `auth` already, nearly always.
    const auth = entry.auth === undefined ? undefined : this.#auth(entry.auth, request.client_token)
    const token = auth !== undefined && entry.auth?.client_token === undefined ? auth.tokenJson : this.#secret(request.client_token)
    const { namespace, client_token_accessor: accessor = '' } = request
    const accessorJson = accessor === '' ? '' : auth !== undefined && entry.auth?.accessor === accessor ? auth.accessorJson : this.#accessorJson(accessor)
    return `"id":${quote(request.id)}` +
      textField('client_id', request.client_id) +
      textField('replication_cluster', request.replication_cluster) +
      textField('operation', request.operation) +
      (entry.mount === undefined ? '' : remembered(requestMounts, entry.mount, requestMountJson)) +
      (token === '' ? '' : `,"client_token":${token}`) +
      (accessorJson === '' ? '' : `,"client_token_accessor":${accessorJson}`) +
      (namespace === undefined ? '' : `,"namespace":{"id":${quote(namespace.id)}${textField('path', namespace.path)}}`) +
      textField('path', request.path) +
      dataField(data) +
      flagField('policy_override', request.policy_override) +
      textField('remote_address', request.remote_address) +
      numberField('remote_port', request.remote_port) +
      numberField('wrap_ttl', request.wrap_ttl) +
      this.#headerField(request.headers) +
      textField('client_certificate_serial_number', request.client_certificate_serial_number)
  }

  #response(entry: AuditEntry, response: AuditResponse): Part {
    const { data } = response
    if (data === undefined || data === null) return this.#responseFields(entry, response, '')
    const isList = entry.request.operation === 'list' || entry.request.operation === 'scan'
    const shown = this.#options.elideListResponses && isList ? elide(data) : data
    const rendered = renderData(shown, this.#conceal, entry.mount?.non_hmac_response_keys, this.#data)
    const fields = (json: string): string => this.#responseFields(entry, response, json)
    return typeof rendered === 'string' ? fields(rendered) : rendered.then((json) => holed(json, fields))
  }

  #responseFields(entry: AuditEntry, response: AuditResponse, data: string): string {
    const json = (response.auth === undefined ? '' : `,"auth":{${this.#auth(response.auth, undefined).fields}}`) +
      (entry.mount === undefined ? '' : remembered(responseMounts, entry.mount, responseMountJson)) +
      (response.lease_id === undefined || response.lease_id === '' ? '' : `,"secret":{"lease_id":${quote(response.lease_id)}}`) +
      dataField(data) +
      listField('warnings', response.warnings) +
      textField('redirect', response.redirect) +
      (response.wrap_info === undefined ? '' : `,"wrap_info":{${this.#wrapFields(response.wrap_info).slice(1)}}`) +
      this.#headerField(response.headers)
    return json.slice(1)
  }

  #wrapFields(wrap: AuditWrapInfo): string {
    return numberField('ttl', wrap.ttl) +
      textField('token', wrap.token, this.#conceal.text) +
      textField('accessor', wrap.accessor, this.#accessorJson) +
      textField('creation_time', wrap.creation_time) +
      textField('creation_path', wrap.creation_path) +
      textField('wrapped_accessor', wrap.wrapped_accessor, this.#accessorJson)
  }

  /** Only headers of the configured list are written, whoever the caller is (CVE-2026-46358) and whatever `log_raw` says. */
  #headerField(headers: AuditRequest['headers']): string {
    if (headers === undefined) return ''
    let json = ''
    for (const [name, { hmac }] of this.#headers) {
      const sent = Object.hasOwn(headers, name) ? headers[name] : undefined
      if (sent === undefined) continue
      const values = typeof sent === 'string' ? [sent] : sent
      const show = hmac || secretHeaders.has(name) ? (value: string) => `"${this.hash(value)}"` : quote
      json += `${json === '' ? '' : ','}${quote(name)}:[${values.map(show).join(',')}]`
    }
    return json === '' ? '' : `,"headers":{${json}}`
  }
}

/** Stands in a text for data that is in bytes. JSON never has it: in texts it is escaped. */
const hole = '\0'

/** A request or a response. */
type Part = string | Holed | Promise<string | Holed>

const textOf = (part: string | Holed): string => (typeof part === 'string' ? part : part.text)
const holed = (json: string | LongJson, fields: (data: string) => string): string | Holed => (typeof json === 'string' ? fields(json) : { text: fields(hole), data: json })

/** Vault's `elide_list_responses`: the number of `keys` and of `key_info` in place of both. */
function elide(data: unknown): unknown {
  if (typeof data !== 'object' || data === null || Array.isArray(data)) return data
  const { keys, key_info: info } = data as { readonly keys?: unknown; readonly key_info?: unknown }
  return {
    ...data,
    ...(Array.isArray(keys) ? { keys: keys.length } : {}),
    ...(typeof info === 'object' && info !== null && !Array.isArray(info) ? { key_info: Object.keys(info).length } : {}),
  }
}

/** Each writes `,"name":value`, or nothing for what is empty, as Vault leaves out what is empty. */
const textField = (name: string, value: string | undefined, show: (value: string) => string = quote): string =>
  value === undefined || value === '' ? '' : `,"${name}":${show(value)}`
const numberField = (name: string, value: number | undefined): string => (value === undefined || value === 0 ? '' : `,"${name}":${value}`)
const flagField = (name: string, value: boolean | undefined): string => (value === true ? `,"${name}":true` : '')
const listField = (name: string, value: readonly string[] | undefined): string =>
  value === undefined || value.length === 0 ? '' : `,"${name}":${JSON.stringify(value)}`
const dataField = (json: string): string => (json === '' || json === '{}' ? '' : `,"data":${json}`)
const objectField = (name: string, value: object | null | undefined): string => {
  const json = value === undefined || value === null ? '{}' : JSON.stringify(value)
  return json === '{}' ? '' : `,"${name}":${json}`
}

/** What of `auth` is no secret. */
const authFields = (auth: AuditAuth): string =>
  textField('display_name', auth.display_name) +
  listField('policies', auth.policies) +
  listField('token_policies', auth.token_policies) +
  listField('identity_policies', auth.identity_policies) +
  objectField('external_namespace_policies', auth.external_namespace_policies) +
  flagField('no_default_policy', auth.no_default_policy) +
  objectField('metadata', auth.metadata) +
  numberField('num_uses', auth.num_uses) +
  textField('entity_id', auth.entity_id) +
  flagField('entity_created', auth.entity_created) +
  textField('token_type', auth.token_type) +
  numberField('token_ttl', auth.token_ttl) +
  textField('token_issue_time', auth.token_issue_time)

/** Pieces without secrets are the same for every device. Frozen objects are remembered, others are rendered each time. */
function remembered<T extends object>(memo: WeakMap<object, string>, value: T, render: (value: T) => string): string {
  const known = memo.get(value)
  if (known !== undefined) return known
  const made = flat(render(value))
  if (Object.isFrozen(value)) memo.set(value, made)
  return made
}

const reasons = new WeakMap<object, string>()
const verdicts = new WeakMap<object, string>()
const requestMounts = new WeakMap<object, string>()
const responseMounts = new WeakMap<object, string>()

const quoteReason = (why: AuditReason): string => JSON.stringify(why)
const verdictJson = ({ allowed, granting_policies: granting }: AuditVerdict): string =>
  `{"allowed":${String(allowed)}${granting === undefined || granting.length === 0 ? '' : `,"granting_policies":${JSON.stringify(granting)}`}}`

/** The name of the version differs between the two, in Vault as well. */
const requestMountJson = (mount: AuditMount): string => mountJson(mount, 'mount_running_version')
const responseMountJson = (mount: AuditMount): string => mountJson(mount, 'mount_running_plugin_version')
const mountJson = (mount: AuditMount, versionName: string): string =>
  textField('mount_point', mount.mount_point) +
  textField('mount_type', mount.mount_type) +
  textField('mount_accessor', mount.mount_accessor) +
  textField(versionName, mount.mount_running_version) +
  textField('mount_running_sha256', mount.mount_running_sha256) +
  textField('mount_class', mount.mount_class) +
  flagField('mount_is_external_plugin', mount.mount_is_external_plugin)
