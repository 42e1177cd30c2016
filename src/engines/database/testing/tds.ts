/**
 * As much of SQL Server's protocol (MS-TDS 7.4) as its driver uses, in the clear: https://learn.microsoft.com/openspecs/windows_protocols/ms-tds
 * Messages are put together out of packets; answers fit in one.
 */
import { createServer, type Server, type Socket } from 'node:net'

export interface TdsLogin {
  readonly username: string
  readonly password: string
  readonly database: string
}

/** Rows of one column, or a refusal. */
export type TdsAnswer = readonly string[] | { readonly number: number; readonly message: string }

export interface TdsHandler {
  /** Null: welcome. */
  readonly logIn: (login: TdsLogin) => TdsAnswer | null
  /** For a connection: what each batch is answered with. */
  readonly session: () => (sql: string) => TdsAnswer
}

const kinds = { batch: 0x01, answer: 0x04, login: 0x10, preLogin: 0x12 }
const tokens = { columns: 0x81, error: 0xaa, loginAck: 0xad, row: 0xd1, done: 0xfd }
const last = 0x01

const u16 = (value: number): Buffer => {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16LE(value)
  return bytes
}
const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}
const text = (value: string): Buffer => Buffer.from(value, 'utf16le')
/** With its count of characters in one byte, or in two. */
const shortText = (value: string): Buffer => Buffer.concat([Buffer.from([value.length]), text(value)])
const longText = (value: string): Buffer => Buffer.concat([u16(value.length), text(value)])

function packet(body: Buffer): Buffer {
  const head = Buffer.from([kinds.answer, last, 0, 0, 0, 0, 1, 0])
  head.writeUInt16BE(body.length + 8, 2)
  return Buffer.concat([head, body])
}

const done = (rows: number, isError = false): Buffer => Buffer.concat([Buffer.from([tokens.done]), u16(isError ? 0x02 : rows > 0 ? 0x10 : 0), u16(0), u32(rows), u32(0)])
const withLength = (token: number, body: Buffer): Buffer => Buffer.concat([Buffer.from([token]), u16(body.length), body])

/** One column of nvarchar. */
function rowsOf(values: readonly string[]): Buffer {
  const collation = Buffer.from([0x09, 0x04, 0xd0, 0x00, 0x34])
  const columns = Buffer.concat([Buffer.from([tokens.columns]), u16(1), u32(0), u16(0), Buffer.from([0xe7]), u16(8000), collation, shortText('value')])
  const rows = values.map((value) => Buffer.concat([Buffer.from([tokens.row]), u16(text(value).length), text(value)]))
  return Buffer.concat([columns, ...rows, done(values.length)])
}

function answerOf(answer: TdsAnswer): Buffer {
  if (!('message' in answer)) return answer.length === 0 ? done(0) : rowsOf(answer)
  const error = withLength(tokens.error, Buffer.concat([u32(answer.number), Buffer.from([1, 14]), longText(answer.message), shortText('test'), shortText(''), u32(1)]))
  return Buffer.concat([error, done(0, true)])
}

/** VERSION 16.0 and ENCRYPT_NOT_SUP. */
const preLogin = Buffer.from([0x00, 0, 11, 0, 6, 0x01, 0, 17, 0, 1, 0xff, 16, 0, 0, 0, 0, 0, 0x02])
const welcome = Buffer.concat([withLength(tokens.loginAck, Buffer.concat([Buffer.from([1, 0x74, 0, 0, 4]), shortText('Test'), Buffer.from([16, 0, 0, 0])])), done(0)])

/** LOGIN7 (§2.2.6.4): places of its texts, whose password is hidden by XOR and swapped halves of bytes. */
function loginOf(body: Buffer): TdsLogin {
  const part = (at: number): Buffer => body.subarray(body.readUInt16LE(at), body.readUInt16LE(at) + 2 * body.readUInt16LE(at + 2))
  const password = part(44).map((byte) => (((byte ^ 0xa5) & 0x0f) << 4) | ((byte ^ 0xa5) >> 4))
  return { username: part(40).toString('utf16le'), password: Buffer.from(password).toString('utf16le'), database: part(68).toString('utf16le') }
}

function serve(socket: Socket, handler: TdsHandler): void {
  const session = handler.session()
  let [buffer, message] = [Buffer.alloc(0), Buffer.alloc(0)]
  const answerMessage = (kind: number): void => {
    if (kind === kinds.preLogin) return void socket.write(packet(preLogin))
    if (kind === kinds.login) {
      const refusal = handler.logIn(loginOf(message))
      return void (refusal === null ? socket.write(packet(welcome)) : socket.end(packet(answerOf(refusal))))
    }
    if (kind !== kinds.batch) return void socket.destroy()
    // Behind ALL_HEADERS, whose length comes first.
    socket.write(packet(answerOf(session(message.subarray(message.readUInt32LE(0)).toString('utf16le')))))
  }
  socket.on('error', () => undefined)
  socket.on('data', (chunk: Buffer) => {
    buffer = Buffer.concat([buffer, chunk])
    while (buffer.length >= 8 && buffer.length >= buffer.readUInt16BE(2)) {
      const [kind = 0, status = 0] = buffer
      const length = buffer.readUInt16BE(2)
      message = Buffer.concat([message, buffer.subarray(8, length)])
      buffer = buffer.subarray(length)
      if ((status & last) === 0) continue
      answerMessage(kind)
      message = Buffer.alloc(0)
    }
  })
}

/** Listens on a free port of this machine. */
export async function startTds(handler: TdsHandler): Promise<{ readonly server: Server; readonly port: number }> {
  const server = createServer((socket) => serve(socket, handler))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { server, port: (server.address() as { port: number }).port }
}
