/** A server for tests that says what it is told to, and remembers what it was asked. */
import type { FetchAnswer, FetchInit, FetchLike } from './transport.ts'

export interface Asked {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Uint8Array | undefined
}

export interface Reply {
  readonly status?: number
  readonly body?: string
  readonly headers?: Readonly<Record<string, string>>
  /** Fails instead of answering. */
  readonly fail?: Error
  /** Never answers; ends when the request is aborted. */
  readonly silent?: boolean
}

export interface Script {
  readonly fetch: FetchLike
  readonly asked: Asked[]
}

/** Gives the replies one after the other, the last one again and again. */
export function scripted(...replies: readonly Reply[]): Script {
  const asked: Asked[] = []
  const fetch = async (url: string, init: FetchInit): Promise<FetchAnswer> => {
    const reply = replies[Math.min(asked.length, replies.length - 1)] ?? {}
    asked.push({ method: init.method, url, headers: init.headers, body: init.body })
    if (reply.fail !== undefined) throw reply.fail
    if (reply.silent) await new Promise((_, reject) => init.signal.addEventListener('abort', () => reject(new Error('aborted'))))
    const bytes = new TextEncoder().encode(reply.body ?? '')
    return {
      status: reply.status ?? 200,
      headers: { get: (name) => reply.headers?.[name] ?? null },
      arrayBuffer: async () => bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer,
    }
  }
  return { fetch, asked }
}
