/**
 * Taking a connection back from node:http after its parser has given up on what the client sent. From then on the parser would
 * repeat its error for every further byte; answers that are still to be written go out through node:http as before.
 */
import type { Socket } from 'node:net'
import type { Connection } from './connection.ts'

/** Events for which node:http puts listeners on a socket. */
export const socketEvents = ['data', 'end', 'close', 'drain', 'error', 'timeout', 'pause', 'resume'] as const

type Listener = (...values: unknown[]) => void

/** Listeners that came after the connection was opened: those of node:http. */
function laterListeners({ socket, listenersBefore }: Connection, event: string): Listener[] {
  return socket.listeners(event).slice(listenersBefore.get(event) ?? 0) as Listener[]
}

function removeListeners(connection: Connection, event: string): void {
  for (const listener of laterListeners(connection, event)) connection.socket.removeListener(event, listener)
}

/** A connection whose incoming bytes come here, for as long as it is held. */
export interface Hold {
  /** Stops handing over bytes. */
  release(): void
}

/**
 * From now on what the client sends goes to `onData`, and its end to `onEnd`, instead of the parser. The socket is flowing; `onData`
 * may pause it.
 */
export function holdConnection(connection: Connection, onData: (chunk: Buffer) => void, onEnd: () => void): Hold {
  const { socket } = connection
  removeListeners(connection, 'data')
  removeListeners(connection, 'end')
  // Adding a listener for data is also what makes node:http stop reading the socket behind its stream.
  socket.on('data', onData)
  socket.on('end', onEnd)
  socket.resume()
  return {
    release: () => {
      socket.off('data', onData)
      socket.off('end', onEnd)
    },
  }
}

/** Calls back once every answer so far is out; not at all when the connection ends before. */
export function afterAnswers({ lastResponse }: Connection, done: () => void): void {
  // Until 'close' node:http still has to clear up after the answer.
  if (lastResponse === null || lastResponse.destroyed) process.nextTick(done)
  else lastResponse.once('close', () => process.nextTick(done))
}

/**
 * Makes node:http let go of a socket whose answers are all out: it hears that the socket closed, so that it frees the parser and
 * forgets the time-outs of the request that it never understood; then its listeners go.
 */
export function detachFromHttp(connection: Connection): Socket {
  const { socket } = connection
  for (const listener of laterListeners(connection, 'close')) Reflect.apply(listener, socket, [false])
  for (const event of socketEvents) removeListeners(connection, event)
  // What node:http set for an idle connection.
  socket.setTimeout(0)
  return socket
}
