/** Answers onto the wire: headers of every answer, those configured per status, and the body in one piece or as a stream. */
import type { ServerResponse } from 'node:http'
import { partsOf } from '../kit/json-pieces.ts'
import { nextTurn } from '../kit/turns.ts'
import type { WireResponse } from '../request/wire.ts'

/** Header names and values in the order of sending. */
export type HeaderList = readonly (readonly [string, string])[]

/**
 * `custom_response_headers` of a listener: headers by `default`, by class of status (`4xx`), and by status (`404`). The more precise
 * one wins, name by name.
 */
export type CustomHeaders = Readonly<Record<string, HeaderList>>

/** Writes answers; one per listener. */
export interface AnswerWriter {
  /** The flat list of names and values (`[name, value, …]`) that every answer of this status begins with. */
  standard(status: number): readonly string[]
  /** Replaces the custom headers. */
  setCustom(custom: CustomHeaders): void
  /** `extra` comes on top of the answer's own headers. Throws a `TypeError` for headers that cannot be sent. */
  write(response: ServerResponse, answer: WireResponse, extra: HeaderList): void
}

/** `fixed` are headers of every answer, such as `X-Vault-Hostname`. They and custom ones may replace the standard ones. */
export function createAnswerWriter(fixed: HeaderList, initial: CustomHeaders): AnswerWriter {
  let custom = initial
  const known = new Map<number, readonly string[]>()
  const standard = (status: number): readonly string[] => {
    const found = known.get(status)
    if (found) return found
    const list = standardHeaders(status, fixed, custom)
    known.set(status, list)
    return list
  }
  return {
    standard,
    setCustom(changed) {
      custom = changed
      known.clear()
    },
    write(response, answer, extra) {
      const headers = [...standard(answer.status)]
      const contentType = answer.contentType ?? 'application/json'
      if (contentType !== '') headers.push('Content-Type', contentType)
      if (extra.length > 0 || (answer.headers?.length ?? 0) > 0) addHeaders(headers, [...(answer.headers ?? []), ...extra])
      if (answer.stream) void writeStream(response.writeHead(answer.status, headers), answer.stream)
      else if (typeof answer.body === 'string' && answer.body.length > longBody) void writeStream(response.writeHead(answer.status, headers), partsInTurns(answer.body))
      else writeWhole(response, answer.status, headers, answer.body)
    },
  }
}

/** Characters of a text that is sent in parts, without a length: to count and to encode fifteen millions takes thirty milliseconds. */
const longBody = 1024 * 1024

async function* partsInTurns(text: string): AsyncGenerator<string> {
  for (const part of partsOf(text)) {
    yield part
    await nextTurn()
  }
}

function writeWhole(response: ServerResponse, status: number, headers: string[], body: string | Uint8Array | null): void {
  if (body === null || status === 204) {
    // RFC 9110 §8.6: no Content-Length with 204.
    if (status !== 204) headers.push('Content-Length', '0')
    response.writeHead(status, headers).end()
    return
  }
  const length = typeof body === 'string' ? Buffer.byteLength(body) : body.length
  headers.push('Content-Length', `${length}`)
  response.writeHead(status, headers)
  // A text of as many bytes as characters is ASCII, which is the fastest to write, in one piece with the head.
  if (typeof body === 'string') response.end(body, length === body.length ? 'latin1' : 'utf8')
  else response.end(body)
}

/** Sends chunks as they come and waits where the client is slow. Whatever ends it ends the source too. */
async function writeStream(response: ServerResponse, stream: AsyncIterable<string | Uint8Array>): Promise<void> {
  const source = stream[Symbol.asyncIterator]()
  const stop = (): void => void source.return?.().catch(() => null)
  response.once('close', stop)
  try {
    response.flushHeaders()
    for (;;) {
      const next = await source.next()
      if (next.done === true || response.destroyed) break
      if (!response.write(next.value)) await drained(response)
    }
    response.end()
  } catch {
    // The head is out: all that is left to say "incomplete" is a connection cut short.
    response.destroy()
  }
}

/** Resolves when more can be written, or nothing any more. */
function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      response.off('drain', done).off('close', done)
      resolve()
    }
    response.on('drain', done).on('close', done)
  })
}

function standardHeaders(status: number, fixed: HeaderList, custom: CustomHeaders): readonly string[] {
  const headers = ['Cache-Control', 'no-store']
  for (const list of [fixed, custom['default'], custom[`${Math.floor(status / 100)}xx`], custom[`${status}`]])
    replaceHeaders(headers, list ?? [])
  return headers
}

/** Headers of one answer: each name replaces what stood there, but may itself occur several times. */
function addHeaders(headers: string[], added: HeaderList): void {
  for (const [name] of added) removeHeader(headers, name)
  for (const [name, value] of added) headers.push(name, value)
}

function replaceHeaders(headers: string[], added: HeaderList): void {
  for (const [name, value] of added) {
    removeHeader(headers, name)
    headers.push(name, value)
  }
}

function removeHeader(headers: string[], name: string): void {
  const wanted = name.toLowerCase()
  for (let i = headers.length - 2; i >= 0; i -= 2) if (headers[i]?.toLowerCase() === wanted) headers.splice(i, 2)
}
