/** A service behind a seal, for tests: an HTTP server on 127.0.0.1 that answers by a function, and keeps what it was asked. */
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Asked {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

export interface Answered {
  readonly status: number
  readonly json: object
}

export interface FakeService {
  readonly url: string
  readonly asked: Asked[]
}

/** Runs `work` while the service is there. A request that `answer` throws at gets a 500 and fails the test through `faults`. */
export async function withService(answer: (asked: Asked) => Answered, work: (service: FakeService) => Promise<void>): Promise<void> {
  const asked: Asked[] = []
  const faults: unknown[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk)).on('end', () => {
      const one: Asked = { method: request.method ?? '', path: request.url ?? '', headers: request.headers, body: Buffer.concat(chunks).toString() }
      asked.push(one)
      let { status, json }: Answered = { status: 500, json: {} }
      try {
        ;({ status, json } = answer(one))
      } catch (error) {
        faults.push(error)
      }
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(json))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    await work({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked })
    if (faults.length > 0) throw faults[0]
  } finally {
    await new Promise((resolve) => server.close(resolve))
  }
}
