/**
 * Vault's own verbs on node:http, whose parser refuses methods that it does not know. When it does, the verb's bytes are replaced by
 * a method of the same length that it knows and Vault does not use, and a fresh parser reads on from there, once the answers
 * to earlier requests of that connection are out. Connections that never send such a verb pay nothing.
 */
import type { Connection } from './connection.ts'
import { afterAnswers, detachFromHttp, holdConnection } from './takeover.ts'

interface Verb {
  readonly name: string
  readonly standIn: string
  /** The offset of the letter that no known method has after the letters before it: there the parser stops. */
  readonly refusedAt: number
  /** Beginnings of known methods that go on like the verb: after them the parser stops at the same letter (`UNLINK`, `M-SEARCH`). */
  readonly longer: readonly string[]
}

const verbs: readonly Verb[] = [
  { name: 'LIST', standIn: 'LINK', refusedAt: 2, longer: ['UN'] },
  { name: 'SCAN', standIn: 'LOCK', refusedAt: 1, longer: ['UN', 'M-'] },
  { name: 'HELP', standIn: 'BIND', refusedAt: 2, longer: ['C'] },
]

/** A verb that the parser stopped at, and the bytes from its first letter on, as far as they have arrived. */
export interface RefusedVerb {
  readonly verb: Verb
  readonly bytes: Buffer
}

/**
 * Finds the verb at which the parser stopped. `packet` is the segment that it was reading and `at` the offset of the letter that it
 * refused. Letters that arrived in an earlier segment are no longer at hand and taken for granted: `G` and `ST` in two segments
 * pass for LIST, which gives nobody anything.
 */
export function findRefusedVerb(packet: Buffer, at: number): RefusedVerb | null {
  for (const verb of verbs) {
    const start = at - verb.refusedAt
    const arrived = packet.toString('latin1', Math.max(0, start), start + verb.name.length + 1)
    const missing = verb.name.slice(0, Math.max(0, -start))
    if (!`${verb.name} `.startsWith(missing + arrived)) continue
    if (verb.longer.some((letters) => start >= letters.length && packet.toString('latin1', start - letters.length, start) === letters))
      continue
    return { verb, bytes: Buffer.concat([Buffer.from(missing, 'latin1'), packet.subarray(Math.max(0, start))]) }
  }
  return null
}

/** Time for the rest of a verb of which only the beginning has arrived: milliseconds. */
const restTimeout = 10_000

/**
 * Reads the connection on from a refused verb: `restart` hands the socket to a fresh parser. When the bytes turn out to be another
 * method after all, `refuse` gets the connection instead.
 */
export function continueFromVerb(connection: Connection, { verb, bytes }: RefusedVerb, restart: () => void, refuse: () => void): void {
  const { socket } = connection
  const chunks = [bytes]
  const begins = (): boolean => Buffer.concat(chunks).toString('latin1', 0, verb.name.length + 1) === `${verb.name} `
  const isEnough = (): boolean => chunks.reduce((sum, chunk) => sum + chunk.length, 0) > verb.name.length
  let waiting = false
  const proceed = (): void => {
    if (waiting) return
    if (!isEnough()) {
      socket.setTimeout(restTimeout)
      return
    }
    waiting = true
    socket.pause()
    if (begins()) afterAnswers(connection, handOver)
    else abandon()
  }
  const handOver = (): void => {
    hold.release()
    if (socket.destroyed || !socket.writable || socket.readableEnded) {
      socket.destroy()
      return
    }
    detachFromHttp(connection)
    const all = Buffer.concat(chunks)
    all.write(verb.standIn, 0, 'latin1')
    connection.pendingMethod = verb.name
    socket.unshift(all)
    restart()
    socket.resume()
  }
  const abandon = (): void => {
    hold.release()
    refuse()
  }
  const onData = (chunk: Buffer): void => {
    chunks.push(chunk)
    // node:http resumes the socket when a slow client has taken its answers.
    if (waiting) socket.pause()
    proceed()
  }
  const hold = holdConnection(connection, onData, () => {
    if (!waiting) abandon()
  })
  proceed()
}
