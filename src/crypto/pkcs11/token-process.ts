/**
 * The process that holds a token, where it begins. It loads a library of somebody else's, which may hang or crash: then this process ends, and the server goes on.
 * The settings, the PIN among them, come over the channel; the first failure that lies at the token ends the process, so that the next call begins anew.
 */
import { TokenError } from './errors.ts'
import type { TokenAnswer, TokenCallName, TokenCalls, TokenQuestion, TokenSettings } from './messages.ts'
import { ensurePair, publicPartOf, signByPair } from './pairs.ts'
import { openSession, type Session } from './session.ts'
import { unwrap, wrap } from './wrapping.ts'

const calls: { readonly [N in TokenCallName]: (session: Session, body: TokenCalls[N][0]) => TokenCalls[N][1] } = {
  wrap(session, { terms, data, context }) {
    try {
      return wrap(session, terms, data, context)
    } finally {
      data.fill(0)
    }
  },
  unwrap: (session, { wrapped, context }) => unwrap(session, wrapped, context),
  publicPart: (session, { key }) => publicPartOf(session, key),
  generatePair: (session, { key, type, bits }) => ensurePair(session, key, type, bits),
  sign: (session, { terms, data }) => signByPair(session, terms, data),
}

let opening: Promise<Session> | null = null

async function answer({ id, name, body }: TokenQuestion): Promise<TokenAnswer> {
  try {
    if (opening === null) throw new TokenError('away', 'the process was not told of its token')
    return { id, value: calls[name](await opening, body as never) }
  } catch (error) {
    const { failure, message } = error instanceof TokenError ? error : new TokenError('away', error instanceof Error ? error.message : 'unknown')
    return { id, failure, message }
  }
}

const isOver = (given: TokenAnswer): boolean => 'failure' in given && (given.failure === 'away' || given.failure === 'pin')

process.on('message', (message: TokenQuestion | { readonly settings: TokenSettings }) => {
  if ('settings' in message) {
    opening = openSession(message.settings)
    opening.catch(() => undefined) // whoever asks is told
    return
  }
  void answer(message).then((given) => process.send?.(given, () => {
    if (isOver(given)) process.exit(0)
  }))
})
// Whoever started it is gone. The operating system closes what is open.
process.once('disconnect', () => process.exit(0))
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined)
