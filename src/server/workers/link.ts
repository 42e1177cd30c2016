/**
 * Questions, answers and notes between two processes over the channel that Node gives a child. What is said in one turn of the event loop goes in one
 * message. The shapes of what is sent stand in `messages.ts`.
 */
import { ApiError, internal, type ErrorCode } from '../../kit/errors.ts'

/** What can be asked, by name: what is sent along, and what is answered. */
export type Questions = Readonly<Record<string, readonly [body: unknown, answer: unknown]>>

type Item =
  | { readonly ask: number; readonly name: string; readonly body: unknown }
  | { readonly tell: string; readonly body: unknown }
  | { readonly answer: number; readonly body: unknown }
  | { readonly failed: number; readonly error: SentError }

interface SentError {
  readonly code: ErrorCode
  readonly message: string
  readonly detail: string | undefined
  readonly data: Readonly<Record<string, unknown>> | undefined
}

interface Pending {
  readonly resolve: (answer: unknown) => void
  readonly reject: (error: Error) => void
}

/** `Out`: what this side may ask and tell; `In`: what it answers. */
export class Link<Out extends Questions, In extends Questions> {
  readonly #send: (message: { readonly batch: readonly Item[] }) => void
  readonly #answers: { readonly [N in keyof In]: (body: In[N][0]) => In[N][1] | Promise<In[N][1]> }
  readonly #pending = new Map<number, Pending>()
  #outbox: Item[] = []
  /** Answers that are nothing but bytes are keys: overwritten once they are sent, and not before. */
  #toWipe: Uint8Array[] = []
  #asked = 0
  #isClosed = false

  constructor(send: (message: object) => void, answers: { readonly [N in keyof In]: (body: In[N][0]) => In[N][1] | Promise<In[N][1]> }) {
    this.#send = send
    this.#answers = answers
  }

  /** Rejects with what the other side threw, and when the channel closes before there is an answer. */
  ask<N extends keyof Out & string>(name: N, body: Out[N][0]): Promise<Out[N][1]> {
    if (this.#isClosed) return Promise.reject(closed())
    this.#asked += 1
    const id = this.#asked
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject })
      this.#say({ ask: id, name, body })
    })
  }

  /** Without an answer. */
  tell<N extends keyof Out & string>(name: N, body: Out[N][0]): void {
    if (!this.#isClosed) this.#say({ tell: name, body })
  }

  /** What came in; anything but a message of a link is left alone. */
  receive(message: unknown): void {
    if (typeof message !== 'object' || message === null || !('batch' in message)) return
    for (const item of message.batch as readonly Item[]) this.#take(item)
  }

  /** Sends at once what waits for the end of the turn. */
  flush(): void {
    const batch = this.#outbox
    this.#outbox = []
    if (batch.length > 0 && !this.#isClosed) this.#send({ batch })
    for (const bytes of this.#toWipe.splice(0)) bytes.fill(0)
  }

  close(): void {
    this.#isClosed = true
    for (const { reject } of this.#pending.values()) reject(closed())
    this.#pending.clear()
  }

  #say(item: Item): void {
    this.#outbox.push(item)
    if (this.#outbox.length === 1) setImmediate(() => this.flush())
  }

  #take(item: Item): void {
    if ('ask' in item) return void this.#answer(item.ask, item.name, item.body)
    if ('tell' in item) return void this.#handle(item.tell, item.body)
    const id = 'answer' in item ? item.answer : item.failed
    const pending = this.#pending.get(id)
    this.#pending.delete(id)
    if ('answer' in item) pending?.resolve(item.body)
    else pending?.reject(new ApiError(item.error.code, item.error.message, withoutNothing(item.error)))
  }

  async #answer(id: number, name: string, body: unknown): Promise<void> {
    try {
      const answer = await this.#handle(name, body)
      this.#say({ answer: id, body: answer })
      if (answer instanceof Uint8Array) this.#toWipe.push(answer)
    } catch (error) {
      this.#say({ failed: id, error: sent(error) })
    }
  }

  async #handle(name: string, body: unknown): Promise<unknown> {
    return await this.#answers[name]?.(body as never)
  }
}

const closed = (): ApiError => new ApiError('overloaded', 'another process of this server has ended; try again')

function sent(error: unknown): SentError {
  const { code, message, detail, data } = error instanceof ApiError ? error : internal(error instanceof Error ? error.name : 'unknown')
  return { code, message, detail, data }
}

const withoutNothing = ({ detail, data }: SentError): object => ({ ...(detail === undefined ? {} : { detail }), ...(data === undefined ? {} : { data }) })
