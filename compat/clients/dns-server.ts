/** A small DNS server for tests: every name has one address, TXT records are set by tests. Over UDP, on a free port. */
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'

const kinds = { a: 1, ns: 2, soa: 6, txt: 16 } as const
const zone = 'example.com'

export interface DnsServer {
  readonly address: string
  readonly setTxt: (name: string, values: readonly string[]) => void
  readonly stop: () => Promise<void>
}

interface Question {
  readonly name: string
  readonly type: number
  /** As it was asked, to be repeated. */
  readonly bytes: Buffer
}

function parseQuestion(message: Buffer): Question {
  const labels: string[] = []
  let at = 12
  for (let length = message[at] ?? 0; length > 0; length = message[at] ?? 0) {
    labels.push(message.subarray(at + 1, at + 1 + length).toString('latin1'))
    at += 1 + length
  }
  return { name: labels.join('.').toLowerCase(), type: message.readUInt16BE(at + 1), bytes: message.subarray(12, at + 5) }
}

const encodeName = (name: string): Buffer =>
  Buffer.concat([...name.split('.').map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)])), Buffer.from([0])])

/** A record for the name that was asked for. */
function record(type: number, data: Buffer): Buffer {
  const head = Buffer.alloc(12)
  head.writeUInt16BE(0xc00c, 0)
  head.writeUInt16BE(type, 2)
  head.writeUInt16BE(1, 4)
  head.writeUInt32BE(1, 6)
  head.writeUInt16BE(data.length, 10)
  return Buffer.concat([head, data])
}

function answersTo({ name, type }: Question, hostAddress: string, texts: ReadonlyMap<string, readonly string[]>): Buffer[] {
  if (type === kinds.a) return [record(type, Buffer.from(hostAddress.split('.').map(Number)))]
  if (type === kinds.txt) return (texts.get(name) ?? []).map((text) => record(type, Buffer.concat([Buffer.from([text.length]), Buffer.from(text)])))
  if (type === kinds.soa && name === zone) return [record(type, Buffer.concat([encodeName(`ns.${zone}`), encodeName(`me.${zone}`), Buffer.alloc(20, 1)]))]
  return type === kinds.ns && name === zone ? [record(type, encodeName(`ns.${zone}`))] : []
}

function reply(message: Buffer, hostAddress: string, texts: ReadonlyMap<string, readonly string[]>): Buffer {
  const question = parseQuestion(message)
  const answers = answersTo(question, hostAddress, texts)
  const head = Buffer.alloc(12)
  message.copy(head, 0, 0, 2)
  head.writeUInt16BE(0x8580, 2)
  head.writeUInt16BE(1, 4)
  head.writeUInt16BE(answers.length, 6)
  return Buffer.concat([head, question.bytes, ...answers])
}

export async function startDnsServer(hostAddress = '127.0.0.1'): Promise<DnsServer> {
  const texts = new Map<string, readonly string[]>()
  const socket: Socket = createSocket('udp4')
  socket.on('message', (message, from) => {
    if (message.length > 16) socket.send(reply(message, hostAddress, texts), from.port, from.address)
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  return {
    address: `127.0.0.1:${socket.address().port}`,
    setTxt: (name, values) => void texts.set(name.toLowerCase().replace(/\.$/, ''), values),
    async stop() {
      socket.close()
      await once(socket, 'close')
    },
  }
}
