/** Databases that are spoken to over HTTP: a session is a login that requests are made with, until it is closed. */
import { badRequest } from '../../../kit/errors.ts'
import { encodeJson, parseJson, type Json, type JsonObject } from '../../../kit/json.ts'
import { sendHttp, type HttpAnswer, type HttpTls } from '../../outbound/http.ts'
import { limitsOf } from '../details.ts'
import { LoginRefused, textOf, Unreachable, type Login } from '../driver.ts'

export interface HttpPlace {
  readonly base: URL
  readonly tls: HttpTls
  /** Seconds for one request. */
  readonly seconds: number
}

export interface Question {
  readonly method: string
  /** Below the base, escaped. */
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

/** An answer that is no success. */
type Refusal = (answer: HttpAnswer) => string

export class HttpLine {
  readonly #place: HttpPlace
  readonly #headers: () => Readonly<Record<string, string>>
  readonly #refusal: Refusal
  readonly #end = new AbortController()
  /** What time it was for the other side when it answered last, in milliseconds since 1970; NaN until it says so. */
  heardAt = Number.NaN

  /** `headers`: the login, made anew for each request; `refusal`: why an answer says no. */
  constructor(place: HttpPlace, headers: () => Readonly<Record<string, string>>, refusal: Refusal) {
    this.#place = place
    this.#headers = headers
    this.#refusal = refusal
  }

  get isOpen(): boolean {
    return !this.#end.signal.aborted
  }

  close(): void {
    this.#end.abort()
  }

  /** Whatever the answer is. Throws what `sendHttp` does. */
  async ask({ method, path, headers = {}, body }: Question, signal?: AbortSignal): Promise<HttpAnswer> {
    const { base, tls, seconds } = this.#place
    const url = new URL(`${base.origin}${base.pathname.replace(/\/$/, '')}${path}`)
    const until = signal === undefined ? this.#end.signal : AbortSignal.any([this.#end.signal, signal])
    const answer = await sendHttp({ tls, timeoutSeconds: seconds, answerBytesMax: answerMax }, { method, url, headers: { accept: 'application/json', ...this.#headers(), ...headers }, ...(body === undefined ? {} : { body }), signal: until })
    const heard = Date.parse(answer.headers['date'] ?? '')
    if (!Number.isNaN(heard)) this.heardAt = heard
    return answer
  }

  /** An answer that is a success or one of `also`. Throws `bad_request` for what the database refuses. */
  async must(question: Question, also: readonly number[] = []): Promise<HttpAnswer> {
    const answer = await this.ask(question)
    if (isSuccess(answer) || also.includes(answer.status)) return answer
    throw badRequest(`failed to execute ${question.method} ${question.path.replace(/\?.*/, '')}: ${answer.status}: ${this.#refusal(answer)}`)
  }

  /** The first request of a login. Throws `LoginRefused` or `Unreachable`. */
  async logIn({ username }: Login, question: Question, signal: AbortSignal, isRefused: (answer: HttpAnswer) => boolean = ({ status }) => status === 401): Promise<HttpAnswer> {
    const where = `failed to connect to \`user=${username}\`: `
    let answer: HttpAnswer
    try {
      answer = await this.ask(question, signal)
    } catch (error) {
      throw new Unreachable(where + textOf(error), { cause: error })
    }
    if (isSuccess(answer)) return answer
    const text = `${where}${this.#place.base.origin}: ${answer.status}: ${this.#refusal(answer)}`
    throw isRefused(answer) ? new LoginRefused(text) : new Unreachable(text)
  }
}

const answerMax = 4 * 1024 * 1024
const isSuccess = ({ status }: HttpAnswer): boolean => status >= 200 && status < 300

export const basicAuth = ({ username, password }: Login): Readonly<Record<string, string>> => ({ authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}` })
export const json = (body: JsonObject): Pick<Question, 'headers' | 'body'> => ({ headers: { 'content-type': 'application/json' }, body: encodeJson(body) })
export const form = (fields: Readonly<Record<string, string>>): Pick<Question, 'headers' | 'body'> => ({ headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: new URLSearchParams(fields).toString() })
export const requestSeconds = (details: JsonObject): number => limitsOf(details).operationSeconds

/** Null for what is no JSON. */
export function jsonOf({ text }: Pick<HttpAnswer, 'text'>): Json {
  try {
    return parseJson(text)
  } catch {
    return null
  }
}

/** What to say of an answer that is not understood: its beginning, on one line. */
export const beginningOf = ({ text }: Pick<HttpAnswer, 'text'>): string => text.slice(0, 300).replaceAll(/\s+/g, ' ').trim() || 'no reason given'

/** A name as one part of a path. A dot or two would be another place. Throws `bad_request`. */
export function pathPart(name: string): string {
  if (/^\.{0,2}$/.test(name)) throw badRequest('a user cannot have a name that is empty, "." or ".."')
  return encodeURIComponent(name)
}
