/**
 * Carries out the steps of a recipe. What is told of a failure is the step, the call, the origin and a status: never what was sent, nor what came back, because
 * both may hold the credential.
 */
import { isAddressWithin, parseCidr } from '../../kit/cidr.ts'
import { ApiError, badRequest } from '../../kit/errors.ts'
import { isJsonObject } from '../../kit/fields.ts'
import { encodeJson, parseJson, type Json } from '../../kit/json.ts'
import { NothingDone } from '../../kit/outside.ts'
import { parseBaseUrl, sendHttp, type HttpSettings } from '../outbound/http.ts'
import { asPlainText, pointedAt, shownPointer, type Pointer } from './pointer.ts'
import { valueName, type HttpCall, type JsonTemplate, type StepName, type TemplateMap } from './recipe.ts'
import type { Service } from './records.ts'
import { filledText, type Known } from './template.ts'

const bodyBytesMax = 65_536
const answerBytesMax = 262_144
export const valueBytesMax = 16_384
export const valuesMax = 32

/** What is there for machines of a cloud, not for anybody who names an address: links, metadata, groups, nowhere. */
const neverAsked = ['0.0.0.0/8', '169.254.0.0/16', '224.0.0.0/4', '255.255.255.255/32', '::/128', 'fe80::/10', 'fd00:ec2::254/128', 'ff00::/8', '::ffff:169.254.0.0/112', '64:ff9b::169.254.0.0/112'].map(parseCidr)

export function checkAddress(address: string): void {
  if (isAddressWithin(neverAsked, address)) throw new NothingDone('bad_request', 'the address of the service is one of a link, of a group, or of nobody')
}

interface StepFailure {
  /** Of the answer; 0: there was none. */
  readonly status: number
  /** The service has answered that it would not, or what was to be asked could not even be written. */
  readonly isRefusal: boolean
  /** Nothing has left. */
  readonly isUnsent: boolean
  readonly isFirstCall: boolean
  /** What was to be kept of the calls before. */
  readonly kept: Readonly<Record<string, string>>
}

export class StepFailed extends ApiError {
  readonly failure: StepFailure
  constructor(message: string, failure: StepFailure, cause: unknown) {
    super(failure.isRefusal ? 'bad_request' : 'bad_gateway', message, { cause })
    this.failure = failure
  }
}

/** Runs the calls of a step one after the other; what is returned is to be kept. Throws `StepFailed`. */
export async function runStep(service: Service, step: StepName, calls: readonly HttpCall[], known: Known, signal: AbortSignal): Promise<Readonly<Record<string, string>>> {
  let kept: Readonly<Record<string, string>> = {}
  let answer: Readonly<Record<string, string>> = {}
  for (const [i, call] of calls.entries()) {
    const where = `${step}, call ${i + 1}`
    const now = { ...known, answer, ...(isNames(known['pending']) ? { pending: { ...known['pending'], ...kept } } : {}) }
    let status = 0
    try {
      const got = await ask(service, call, now, signal)
      status = got.status
      if (!call.expected.includes(status)) throw badRequest(`status ${status} where ${call.expected.join(' or ')} was expected`)
      const body = call.extract.size + call.keep.size === 0 ? null : bodyOf(got.text)
      answer = { ...answer, ...taken(body, call.extract) }
      kept = checkValues({ ...kept, ...taken(body, call.keep) })
    } catch (error) {
      throw failureOf(error, { where, status, isFirstCall: i === 0, isExpected: call.expected.includes(status), kept })
    }
  }
  return kept
}

const isNames = (value: Known[string] | undefined): value is Readonly<Record<string, string>> => typeof value === 'object'

/** An answer that was expected and did not hold what it should is no refusal: something was done. */
function failureOf(error: unknown, { where, status, isFirstCall, isExpected, kept }: { readonly where: string; readonly isExpected: boolean } & Pick<StepFailure, 'status' | 'isFirstCall' | 'kept'>): StepFailed {
  const isUnsent = status === 0 && error instanceof ApiError && (error instanceof NothingDone || error.code === 'bad_request')
  // A 303 is what some answer that have done it.
  const isAnsweredNo = status >= 400 && status < 500 && status !== 408 && status !== 429 && !isExpected
  const isRefusal = isAnsweredNo || (isUnsent && error.code === 'bad_request')
  return new StepFailed(`${where}: ${error instanceof Error ? error.message : 'failed'}`, { status, isRefusal, isUnsent, isFirstCall, kept }, error)
}

async function ask(service: Service, call: HttpCall, known: Known, signal: AbortSignal): Promise<{ readonly status: number; readonly text: string }> {
  const { content, type } = bodyFor(call, known)
  const url = urlOf(service, call, known)
  const headers = { accept: 'application/json', ...(type === '' ? {} : { 'content-type': type }), ...headersFor(call, known) }
  return await sendHttp(settingsOf(service), { method: call.method, url, headers, signal, ...(type === '' ? {} : { body: content }) })
}

const settingsOf = ({ timeoutSeconds, tls }: Service): HttpSettings => ({ timeoutSeconds, tls, answerBytesMax, checkAddress })

/** Below the base, whatever the placeholders stand for: each is one part of the path, or less. */
export function urlOf({ url }: Service, call: HttpCall, known: Known): URL {
  const base = parseBaseUrl(url, 'url')
  const path = filledText(call.path, known, encodeURIComponent)
  if (path.split('/').some((part) => /^(?:\.|%2e){1,2}$/i.test(part)) || path.includes('//')) throw badRequest('the path would lead elsewhere, or has an empty part')
  const found = new URL(`${base.origin}${path === '' ? base.pathname : base.pathname.replace(/\/$/, '')}${path}`)
  for (const [name, value] of call.query) found.searchParams.append(name, filledText(value, known))
  return found
}

const formOf = (map: TemplateMap, known: Known): string => new URLSearchParams(Object.fromEntries([...map].map(([name, value]) => [name, filledText(value, known)]))).toString()

function bodyFor({ json, form }: HttpCall, known: Known): { readonly content: string; readonly type: string } {
  const content = json !== null ? encodeJson(filledJson(json, known)) : form !== null ? formOf(form, known) : ''
  if (Buffer.byteLength(content) > bodyBytesMax) throw badRequest(`a body may have ${bodyBytesMax} bytes`)
  return { content, type: json !== null ? 'application/json' : form !== null ? 'application/x-www-form-urlencoded' : '' }
}

function filledJson(template: JsonTemplate, known: Known): Json {
  if ('text' in template) return filledText(template.text, known)
  if ('list' in template) return template.list.map((item) => filledJson(item, known))
  if ('entries' in template) return Object.fromEntries(template.entries.map(([name, item]) => [name, filledJson(item, known)]))
  return template.value
}

function headersFor({ headers, basic }: HttpCall, known: Known): Record<string, string> {
  const filled: Record<string, string> = Object.fromEntries([...headers].map(([name, value]) => [name.toLowerCase(), headerValue(name, filledText(value, known))]))
  if (basic === null) return filled
  const username = filledText(basic.username, known)
  if (username.includes(':')) throw badRequest('a user name with : cannot log in with basic authentication')
  return { ...filled, authorization: `Basic ${Buffer.from(`${username}:${filledText(basic.password, known)}`).toString('base64')}` }
}

/** Visible ASCII and blanks (RFC 9110, 5.5): what else a value holds could end the header. */
function headerValue(name: string, value: string): string {
  if (!/^[\x20-\x7e]*$/.test(value)) throw badRequest(`the header ${name} would hold what no header may`)
  return value
}

function bodyOf(text: string): Json {
  try {
    return parseJson(text)
  } catch (cause) {
    throw new ApiError('bad_gateway', 'the answer is no JSON', { cause })
  }
}

function taken(body: Json, pointers: ReadonlyMap<string, Pointer>): Readonly<Record<string, string>> {
  const found: Record<string, string> = {}
  for (const [name, pointer] of pointers) {
    const value = pointedAt(body, pointer)
    if (name === '*') Object.assign(found, allOf(value, pointer))
    else found[name] = asPlainText(value) ?? missing(pointer, 'text')
  }
  return found
}

const missing = (pointer: Pointer, what: string): never => {
  throw new ApiError('bad_gateway', `the answer has no ${what} at ${JSON.stringify(shownPointer(pointer))}`)
}

/** An object, or its JSON as a text; a text that is none is the value `value`. */
function allOf(value: Json | undefined, pointer: Pointer): Readonly<Record<string, string>> {
  const object = typeof value === 'string' && value.startsWith('{') ? bodyOf(value) : value
  if (typeof object === 'string' && object !== '') return { value: object }
  if (!isJsonObject(object)) return missing(pointer, 'object or text')
  return Object.fromEntries(Object.entries(object).map(([name, item]) => [name, asPlainText(item) ?? missing([...pointer, name], 'text')]))
}

/** Throws `bad_gateway` for more than can be kept. */
function checkValues(values: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const all = Object.entries(values)
  if (all.length > valuesMax || all.some(([name, value]) => !valueName.test(name) || Buffer.byteLength(value) > valueBytesMax)) {
    throw new ApiError('bad_gateway', `the answer has more than can be kept: ${valuesMax} values with names of 64 letters, digits and _, of ${valueBytesMax} bytes`)
  }
  return values
}
