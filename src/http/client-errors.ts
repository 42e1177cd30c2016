/** What node:http's parser cannot read: Vault's verbs, which are read after all, and requests that are refused with an answer. */
import type { Server } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Connection } from './connection.ts'
import type { AnswerWriter } from './encode.ts'
import { errorsAnswer } from './answers.ts'
import { continueFromVerb, findRefusedVerb } from './list-verb.ts'
import { afterAnswers, holdConnection } from './takeover.ts'
import { retrySoon } from '../request/answer.ts'

interface ParserError extends NodeJS.ErrnoException {
  readonly rawPacket?: Buffer
  readonly bytesParsed?: number
}

export interface ClientErrorSettings {
  readonly findConnection: (socket: Duplex) => Connection | undefined
  /** Gives the socket of a connection to the server as if it had just been accepted. */
  readonly restart: (connection: Connection) => void
  readonly writer: AnswerWriter
  readonly now: () => number
}

/** Puts the server's handler of client errors in place: nothing that a client sends ends in an exception. */
export function handleClientErrors(server: Server, settings: ClientErrorSettings): void {
  server.on('clientError', (error: ParserError, socket: Duplex) => {
    const connection = settings.findConnection(socket)
    // Broken handshakes, reset connections, connections that never said anything: nobody is there to be answered.
    if (connection === undefined || !socket.writable || !isParserError(error) || connection.socket.bytesRead === 0) socket.destroy()
    else if (connection.lastRequest?.complete === false) refuseBody(connection, settings, error)
    else readOn(connection, settings, error)
  })
}

const isParserError = ({ code = '' }: ParserError): boolean => code.startsWith('HPE_') || code === 'ERR_HTTP_REQUEST_TIMEOUT'

function readOn(connection: Connection, settings: ClientErrorSettings, error: ParserError): void {
  const { rawPacket, bytesParsed } = error
  const isMethod = error.code === 'HPE_INVALID_METHOD' && rawPacket !== undefined && bytesParsed !== undefined
  const refused = isMethod ? findRefusedVerb(rawPacket, bytesParsed) : null
  const unknownMethod = isMethod && looksLikeMethod(rawPacket, bytesParsed)
  if (refused) {
    continueFromVerb(
      connection,
      refused,
      () => settings.restart(connection),
      () => refuseAfterAnswers(connection, rawAnswer(settings, 405, [])),
    )
  } else refuseAfterAnswers(connection, unknownMethod ? rawAnswer(settings, 405, []) : rawAnswerTo(settings, error))
}

/** Whether the parser stopped inside a word, or at its end: a method, if one that nobody knows. */
function looksLikeMethod(packet: Buffer, at: number): boolean {
  const around = packet.toString('latin1', Math.max(0, at - 1), at + 64)
  return /^.?[A-Za-z][\w-]{0,30}(?: |$)/s.test(around)
}

/** The body of the latest request cannot be read. It is answered if that is still open and nothing stands before it. */
function refuseBody(connection: Connection, settings: ClientErrorSettings, error: ParserError): void {
  const { lastResponse } = connection
  // An answer whose turn has not come has no socket.
  const isOpen = lastResponse !== null && lastResponse.socket !== null && !lastResponse.headersSent
  if (isOpen) endWith(connection, rawAnswerTo(settings, error))
  else connection.socket.destroy()
}

function refuseAfterAnswers(connection: Connection, answer: Buffer): void {
  const hold = holdConnection(connection, ignore, ignore)
  afterAnswers(connection, () => {
    hold.release()
    endWith(connection, answer)
  })
}

const ignore = (): void => undefined

/** How long a client may go on sending before the connection is cut: closing at once could take the answer from it. Milliseconds. */
const lingering = 1000

function endWith(connection: Connection, answer: Buffer): void {
  const { socket } = connection
  if (socket.destroyed || !socket.writable) {
    socket.destroy()
    return
  }
  const timer = setTimeout(() => socket.destroy(), lingering)
  timer.unref()
  holdConnection(connection, ignore, () => socket.destroy())
  socket.once('close', () => clearTimeout(timer))
  socket.end(answer)
}

function rawAnswerTo(settings: ClientErrorSettings, { code }: ParserError): Buffer {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return rawAnswer(settings, 431, ['the headers of the request are too large'])
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return rawAnswer(settings, 413, ['the chunk extensions of the request are too large'])
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return rawAnswer(settings, 408, ['the request did not arrive in time'])
    default:
      return rawAnswer(settings, 400, ['malformed HTTP request'])
  }
}

const reasons: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  413: 'Payload Too Large',
  431: 'Request Header Fields Too Large',
  503: 'Service Unavailable',
}

/** An answer written by hand: there is no request that node:http could answer. */
export function rawAnswer({ writer, now }: Pick<ClientErrorSettings, 'writer' | 'now'>, status: number, errors: readonly string[]): Buffer {
  const { body } = errorsAnswer(status, errors)
  const headers = [...writer.standard(status), 'Content-Type', 'application/json', 'Content-Length', `${Buffer.byteLength(`${body}`)}`]
  headers.push('Date', new Date(now()).toUTCString(), 'Connection', 'close', ...(status === 503 ? retrySoon : []))
  let text = `HTTP/1.1 ${status} ${reasons[status] ?? ''}\r\n`
  for (let i = 0; i < headers.length; i += 2) text += `${headers[i]}: ${headers[i + 1]}\r\n`
  return Buffer.from(`${text}\r\n${body}`, 'latin1')
}
