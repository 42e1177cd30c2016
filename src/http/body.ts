/** The body of a write: read within limits, before anything of it is parsed, and decoded as JSON, form or bytes. */
import { isAscii, isUtf8 } from 'node:buffer'
import type { IncomingMessage } from 'node:http'
import { ApiError, badRequest } from '../kit/errors.ts'
import { parseJson, type Json, type JsonLimits, type JsonObject } from '../kit/json.ts'
import { longJsonText, parseSteps } from '../kit/json-steps.ts'
import { inTurns } from '../kit/turns.ts'
import { mediaType } from './decode.ts'
import { formFields, formSteps, parseForm } from './query.ts'

/** How much a listener takes in. */
export interface BodyLimits {
  /** Of one body. */
  readonly bodyBytesMax: number
  /** Of all bodies that are being read at the same time; beyond it, further ones are answered with 503. */
  readonly bodiesBytesMax: number
  readonly json: JsonLimits
}

/** See `WireRequest`: what a body contributes. */
export interface Body {
  readonly data: JsonObject | null
  readonly jsonText: string | null
  readonly raw: Uint8Array | null
}

const noBody: Body = Object.freeze({ data: null, jsonText: null, raw: null })

/** Reads bodies; one for all connections of a listener, because what they hold together is limited too. */
export interface BodyReader {
  /**
   * The whole body. Throws `body_too_large` as soon as the announced or the received size passes the limit, `overloaded` when too
   * much is being read already, `bad_request` when the client stops before the end. What it did not read is the caller's to discard.
   */
  read(request: IncomingMessage): Promise<Uint8Array>
  /** Reads a whole body and decodes it, as `decodeBody` does. Large ones are decoded in turns, one after the other, and count as being read until then. */
  decode(request: IncomingMessage): Promise<Body>
  /** Throws `body_too_large` for a body that announces itself as larger than allowed. */
  checkLength(request: IncomingMessage): void
}

export function createBodyReader(limits: BodyLimits): BodyReader {
  let held = 0
  const checkLength = (request: IncomingMessage): void => {
    const announced = request.headers['content-length']
    if (announced !== undefined && Number(announced) > limits.bodyBytesMax) throw tooLarge(limits.bodyBytesMax)
  }
  const take = (bytes: number, size: number): void => {
    if (size > limits.bodyBytesMax) throw tooLarge(limits.bodyBytesMax)
    if (held + bytes > limits.bodiesBytesMax) throw new ApiError('overloaded', 'too many large requests at the same time; try again later')
    held += bytes
  }
  const release = (bytes: number): void => void (held -= bytes)
  let decoding: Promise<unknown> = Promise.resolve()
  // What is made meanwhile is larger than the body itself: it is there for one body at a time, however many come together.
  const inLine = (chunks: Uint8Array[], size: number, type: string | undefined): Promise<Body> => {
    const made = decoding.then(() => inTurns(decodeSteps(chunks, size, type, limits))).finally(() => release(size))
    decoding = made.catch(() => null)
    return made
  }
  return {
    checkLength,
    read: (request) =>
      collect(request, { take, release }, (chunks, size) => {
        release(size)
        return joined(chunks)
      }),
    decode: (request) =>
      collect(request, { take, release }, (chunks, size) => {
        const type = request.headers['content-type']
        if (size > longJsonText) return inLine(chunks, size, type)
        release(size)
        return decodeBody(joined(chunks), type, limits)
      }),
  }
}

const tooLarge = (limit: number): ApiError => new ApiError('body_too_large', `request body is larger than ${limit} bytes`)
const joined = (chunks: readonly Uint8Array[]): Uint8Array => (chunks.length === 1 ? (chunks[0] ?? new Uint8Array()) : Buffer.concat(chunks))

/** What all bodies together hold. */
interface Meter {
  readonly take: (bytes: number, size: number) => void
  readonly release: (bytes: number) => void
}

/** `done` gets all chunks of a whole body, and releases them; of any other they are released here. */
function collect<T>(request: IncomingMessage, { take, release }: Meter, done: (chunks: Uint8Array[], size: number) => T | Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const chunks: Uint8Array[] = []
    let size = 0
    let taken = 0
    const stop = (): void => void request.off('data', onData).off('end', onEnd).off('close', onClose).off('error', onClose)
    const fail = (error: unknown): void => {
      stop()
      release(taken)
      reject(error)
    }
    const onData = (chunk: Uint8Array): void => {
      size += chunk.length
      try {
        take(chunk.length, size)
      } catch (error) {
        return fail(error)
      }
      taken = size
      chunks.push(chunk)
    }
    const onEnd = (): void => {
      stop()
      try {
        resolve(done(chunks, size))
      } catch (error) {
        reject(error)
      }
    }
    const onClose = (): void => fail(badRequest('request body ended early'))
    request.on('data', onData).on('end', onEnd).on('close', onClose).on('error', onClose)
  })
}

/** For how long a client whose body is too large is still listened to: milliseconds. */
const discardTime = 5000

/**
 * Reads and forgets the rest of a body, as much again as is allowed, so that a client that is still sending gets to see the refusal instead of a
 * connection that broke. Resolves in any case.
 */
export function discardBody(request: IncomingMessage, bytesMax: number): Promise<void> {
  return new Promise((resolve) => {
    let size = 0
    const done = (): void => {
      clearTimeout(timer)
      request.off('data', onData).off('end', done).off('close', done).off('error', done)
      resolve()
    }
    const onData = (chunk: Uint8Array): void => {
      size += chunk.length
      if (size > bytesMax * 2) done()
    }
    const timer = setTimeout(done, discardTime)
    if (request.complete || request.destroyed) return done()
    request.on('data', onData).on('end', done).on('close', done).on('error', done)
  })
}

/** Whether a request brings a body at all: one of the two headers that announce one (RFC 9112 §6). */
export const hasBody = (request: IncomingMessage): boolean => {
  const length = request.headers['content-length']
  return (length !== undefined && length !== '0') || request.headers['transfer-encoding'] !== undefined
}

/** Types whose bodies are bytes for the engines that know them: OCSP, time stamps, EST, CMP, SCEP. Everything else is JSON or a form. */
const binaryTypes = new Set([
  'application/ocsp-request',
  'application/timestamp-query',
  'application/pkcs10',
  'application/pkixcmp',
  'application/x-pki-message',
])
/** How DER begins, and JSON never does: clients of SCEP send it under no type of its own. */
const derSequence = 0x30
const formType = 'application/x-www-form-urlencoded'

/**
 * Decodes a body. JSON whatever the type says, except for binary types, and for a form that does not begin like JSON (`curl -d` sends
 * JSON under the type of forms). Throws `bad_request` for what is malformed or is no JSON object, and for limits of JSON passed.
 */
export function decodeBody(bytes: Uint8Array, contentType: string | undefined, limits: BodyLimits): Body {
  const kind = kindOf(bytes, contentType)
  if (kind === 'bytes') return { ...noBody, raw: bytes }
  if (kind === 'nothing') return noBody
  if (kind === 'form') return { ...noBody, data: formFields(parseForm(latinOf(bytes), limits.json.strings)) }
  const text = decodeText(bytes)
  return bodyOf(parseJson(text, limits.json), text)
}

/** As `decodeBody` of all chunks, which it forgets, in steps of some milliseconds. */
function* decodeSteps(chunks: Uint8Array[], size: number, contentType: string | undefined, limits: BodyLimits): Generator<void, Body> {
  const bytes = yield* joinSteps(chunks, size)
  const kind = kindOf(bytes, contentType)
  if (kind === 'form') return { ...noBody, data: yield* formSteps(latinOf(bytes), limits.json.strings) }
  if (kind !== 'json') return decodeBody(bytes, contentType, limits)
  const text = yield* textSteps(bytes)
  return bodyOf(yield* parseSteps(text, limits.json), text)
}

type Kind = 'bytes' | 'nothing' | 'form' | 'json'

function kindOf(bytes: Uint8Array, contentType: string | undefined): Kind {
  const type = contentType === undefined ? '' : mediaType(contentType)
  if (binaryTypes.has(type) || (type === 'application/octet-stream' && bytes[0] === derSequence)) return 'bytes'
  const first = firstByte(bytes)
  if (first < 0) return 'nothing'
  // '{' and '['
  return type === formType && first !== 123 && first !== 91 ? 'form' : 'json'
}

const latinOf = (bytes: Uint8Array): string => bufferOf(bytes).toString('latin1')

function bodyOf(value: Json, text: string): Body {
  if (value === null) return noBody
  if (typeof value !== 'object' || Array.isArray(value)) throw badRequest('error parsing JSON: the body is not an object')
  return { data: value as JsonObject, jsonText: text, raw: null }
}

const bufferOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)

function decodeText(bytes: Uint8Array): string {
  const buffer = bufferOf(bytes)
  if (isAscii(buffer)) return buffer.toString('latin1')
  checkUtf8(buffer)
  return buffer.toString('utf8')
}

/** Replacing what cannot be decoded would change a secret in silence. */
function checkUtf8(buffer: Buffer): void {
  if (!isUtf8(buffer)) throw badRequest('error parsing JSON: the body is not valid UTF-8')
}

/** Bytes that are copied or decoded in one step. */
const bytesAtOnce = 1024 * 1024

function* joinSteps(chunks: Uint8Array[], size: number): Generator<void, Uint8Array> {
  const bytes = Buffer.allocUnsafeSlow(size)
  let at = 0
  let next = bytesAtOnce
  for (const chunk of chunks.splice(0).values()) {
    bytes.set(chunk, at)
    at += chunk.length
    if (at < next) continue
    next = at + bytesAtOnce
    yield
  }
  return bytes
}

/** As `decodeText`. What is ASCII takes ten milliseconds for 32 MiB, so it is decoded in one step; anything else takes twenty times as long. */
function* textSteps(bytes: Uint8Array): Generator<void, string> {
  const buffer = bufferOf(bytes)
  if (isAscii(buffer)) return buffer.toString('latin1')
  checkUtf8(buffer)
  let text = ''
  for (let from = 0, to = 0; from < buffer.length; from = to) {
    to = Math.min(from + bytesAtOnce, buffer.length)
    // Bytes 10xxxxxx go on with the character before them (RFC 3629, section 3).
    while (to < buffer.length && ((buffer[to] ?? 0) & 0xc0) === 0x80) to--
    text += buffer.toString('utf8', from, to)
    yield
  }
  return text
}

/** The first byte that is no blank of JSON; -1 when there is none. */
function firstByte(bytes: Uint8Array): number {
  for (const byte of bytes) if (byte !== 32 && byte !== 9 && byte !== 10 && byte !== 13) return byte
  return -1
}
