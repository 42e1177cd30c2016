/** `run`: starts a program with secrets in its environment. */
import { join } from 'node:path'
import type { Client } from '../../../client/src/client.ts'
import { isClientError } from '../../../client/src/errors.ts'
import { Child, passedOn } from '../../agent/child.ts'
import { FallbackError, readFallback, type FallbackPlace } from '../../agent/fallback.ts'
import type { AgentHost } from '../../agent/host.ts'
import { Injection, type InjectionRules, type Variables } from '../../agent/injection.ts'
import { maskedBytesMin } from '../../agent/mask.ts'
import { Program } from '../../agent/program.ts'
import { Secrets } from '../../agent/secrets.ts'
import { agentHost } from '../agent-host.ts'
import { defineCommand, type Session } from '../command.ts'
import { connectClient, type HttpValues } from '../connect.ts'
import { remoteError, usageError } from '../failure.ts'
import { bool, duration, list, text, withDefault, type FlagValues } from '../flags.ts'
import { secretFailure } from '../reference-failure.ts'
import { findToken } from '../saved-token.ts'

const flags = {
  secret: list('Path of a secret whose fields become variables. May be given several times; of one name, the last counts.'),
  env: list('NAME=coffer://PATH#FIELD: one variable from one field. May be given several times.'),
  prefix: withDefault(text('Put before the name of each variable that a -secret gives.'), ''),
  upcase: bool('Names in upper case.'),
  pristine: bool('Nothing of this environment but what is said here.'),
  mask: bool(`Show stars in place of the secrets in what the program prints. Values of fewer than ${maskedBytesMin} bytes are left.`),
  watch: withDefault(duration('Look this often whether the secrets have changed, and start the program anew then.'), 0),
  fallback: withDefault(text('Keep the secrets in this file, sealed, and take them from there while the server cannot be reached.', { values: 'file' }), ''),
  'fallback-max-age': withDefault(duration('How old what is kept may be.'), 24 * 3600),
  'fallback-key': withDefault(text('The key of the file; made where it is missing. Default ~/.coffer-fallback.key.', { values: 'file' }), ''),
  'kill-signal': withDefault(text('The signal that stops the program for a new start.'), 'SIGTERM'),
}
type RunSession = Session<FlagValues<typeof flags>>

/** What `-log-level` is to the agent: only what a person should know. */
const logLevel = 'warn'

export const command = defineCommand({
  name: 'run',
  summary: 'Run a program with secrets in its environment',
  arguments: '-- PROGRAM [ARGUMENTS]',
  description:
    'Fetches the secrets, and starts the program with them as environment variables; they are written nowhere. A variable of this environment whose value is ' +
    'a reference, coffer://PATH#FIELD, is replaced by what it names. Signals go on to the program, and its exit code is that of this command. ' +
    'Credentials that have a lease are renewed while the program runs, and revoked when it has ended; at the end of their longest life the program is started anew with new ones.',
  examples: [
    ['All fields of a secret:', 'run -secret=secret/app -upcase -- ./app'],
    ['One field as a variable:', 'run -env=DB_PASSWORD=coffer://secret/db#password -- ./app'],
    ['Started anew when a secret changes:', 'run -secret=secret/app -watch=30s -- ./app'],
    ['Also while the server is away, for a day:', 'run -secret=secret/app -fallback=/var/lib/app/secrets -- ./app'],
  ],
  flags,
  args: { min: 1, max: -1 },
  passesFlags: true,
  async run(session) {
    const program = session.args[0] === '--' ? session.args.slice(1) : session.args
    if (program.length === 0) throw usageError('No program given: write it after "--".')
    const stopSignal = session.flags['kill-signal'].toUpperCase() as NodeJS.Signals
    if (!passedOn.includes(stopSignal) && stopSignal !== 'SIGKILL') throw usageError(`-kill-signal: expected one of ${passedOn.join(', ')}`)
    const rules = rulesOf(session)
    const http = session.flags as unknown as HttpValues
    const address = http.address || 'http://127.0.0.1:8200'
    const client = await connectClient(session.host, http, { token: await findToken(session.host, address), exactNumbers: true })
    return await runInjected(session, { program, stopSignal, rules, client, purpose: JSON.stringify([address, http.namespace, purposeOf(rules)]) })
  },
})

interface Plan {
  readonly program: readonly string[]
  readonly stopSignal: NodeJS.Signals
  readonly rules: InjectionRules
  readonly client: Client
  readonly purpose: string
}

function rulesOf({ flags: given, host: { environment } }: RunSession): InjectionRules {
  const named = (given.env ?? []).map((pair) => {
    const cut = pair.indexOf('=')
    if (cut < 1) throw usageError('-env: write NAME=coffer://PATH#FIELD')
    return [pair.slice(0, cut), pair.slice(cut + 1)] as const
  })
  return { secrets: given.secret ?? [], named, prefix: given.prefix, upcase: given.upcase === true, environment: given.pristine === true ? {} : environment }
}

/** What the variables come from; the rest of the environment may differ from start to start. */
function purposeOf(rules: InjectionRules): unknown {
  const { secrets, prefix, upcase } = rules
  return [secrets, prefix, upcase, new Injection(rules).questions.map(({ path }) => path)]
}

function fallbackOf({ flags: given, host }: RunSession, purpose: string): FallbackPlace | null {
  if (given.fallback === '') return null
  return { file: given.fallback, keyFile: given['fallback-key'] || join(host.home, '.coffer-fallback.key'), purpose }
}

async function runInjected(session: RunSession, { program: command, stopSignal, rules, client, purpose }: Plan): Promise<number> {
  const host = agentHost(session.host, { level: logLevel })
  const watchMs = Number(session.flags.watch) > 0 ? Number(session.flags.watch) * 1000 : Infinity
  const secrets = new Secrets(() => client, host, { staticSeconds: watchMs / 1000, leaseThreshold: 0.9 })
  const fallback = fallbackOf(session, purpose)
  const program = new Program({ injection: new Injection(rules), secrets, host, fallback, watchMs })
  const first = await program.fetch().catch((error: unknown) => kept(error, fallback, session, host))
  const ended = new AbortController()
  const code = await new Promise<number>((resolve, reject) => {
    const pass = (signal: NodeJS.Signals): void => child.send(signal)
    const settings = { command, stopSignal, graceMs: 30_000, masked: session.flags.mask === true ? () => program.masked : null }
    const child = new Child(settings, (exitCode) => {
      ended.abort()
      for (const signal of passedOn) process.off(signal, pass)
      resolve(exitCode)
    })
    for (const signal of passedOn) process.on(signal, pass)
    program.keep(child, first, ended.signal).catch(reject)
  })
  await secrets.revokeLeases()
  return code
}

/** Only for a server that cannot answer: one that refuses has said what counts. */
function kept(error: unknown, fallback: FallbackPlace | null, { flags: given }: RunSession, host: AgentHost): Variables {
  const cannotAnswer = isClientError(error) && (error.status === 0 || error.status >= 500)
  if (fallback === null || !cannotAnswer) throw secretFailure(error)
  try {
    const { at, variables } = readFallback(fallback, Number(given['fallback-max-age']) * 1000, host.now())
    host.log('warn', 'fallback', `the server cannot answer: taking what was kept at ${new Date(at).toISOString()}`)
    return variables
  } catch (why) {
    if (!(why instanceof FallbackError)) throw why
    throw remoteError(`${error.message}\nThe fallback ${fallback.file} ${why.message}.`)
  }
}
