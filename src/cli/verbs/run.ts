/** `run`: starts a program with secrets in its environment. */
import { Child, passedOn } from '../../agent/child.ts'
import { Injection, type InjectionRules } from '../../agent/injection.ts'
import { defineCommand, type Session } from '../command.ts'
import { connectClient, type HttpValues } from '../connect.ts'
import { remoteError, usageError } from '../failure.ts'
import { bool, duration, list, text, withDefault, type FlagValues } from '../flags.ts'
import { findToken } from '../saved-token.ts'

const flags = {
  secret: list('Path of a secret whose fields become variables. May be given several times; of one name, the last counts.'),
  env: list('NAME=coffer://PATH#FIELD: one variable from one field. May be given several times.'),
  prefix: withDefault(text('Put before the name of each variable that a -secret gives.'), ''),
  upcase: bool('Names in upper case.'),
  pristine: bool('Nothing of this environment but what is said here.'),
  watch: withDefault(duration('Look this often whether the secrets have changed, and start the program anew then.'), 0),
  'kill-signal': withDefault(text('The signal that stops the program for a new start.'), 'SIGTERM'),
}
type RunSession = Session<FlagValues<typeof flags>>

export const command = defineCommand({
  name: 'run',
  summary: 'Run a program with secrets in its environment',
  arguments: '-- PROGRAM [ARGUMENTS]',
  description:
    'Fetches the secrets, and starts the program with them as environment variables; they are written nowhere. A variable of this environment whose value is ' +
    'a reference, coffer://PATH#FIELD, is replaced by what it names. Signals go on to the program, and its exit code is that of this command.',
  examples: [
    ['All fields of a secret:', 'run -secret=secret/app -upcase -- ./app'],
    ['One field as a variable:', 'run -env=DB_PASSWORD=coffer://secret/db#password -- ./app'],
    ['Started anew when a secret changes:', 'run -secret=secret/app -watch=30s -- ./app'],
  ],
  flags,
  args: { min: 1, max: -1 },
  passesFlags: true,
  async run(session) {
    const program = session.args[0] === '--' ? session.args.slice(1) : session.args
    if (program.length === 0) throw usageError('No program given: write it after "--".')
    const http = session.flags as unknown as HttpValues
    const token = await findToken(session.host, http.address || 'http://127.0.0.1:8200')
    const injection = new Injection(await connectClient(session.host, http, { token, exactNumbers: true }), rulesOf(session))
    return await runInjected(injection, program, session)
  },
})

function rulesOf({ flags: given, host: { environment } }: RunSession): InjectionRules {
  const named = (given.env ?? []).map((pair) => {
    const cut = pair.indexOf('=')
    if (cut < 1) throw usageError('-env: write NAME=coffer://PATH#FIELD')
    return [pair.slice(0, cut), pair.slice(cut + 1)] as const
  })
  return { secrets: given.secret ?? [], named, prefix: given.prefix, upcase: given.upcase === true, environment: given.pristine === true ? {} : environment }
}

async function runInjected(injection: Injection, program: readonly string[], { flags: given, host }: RunSession): Promise<number> {
  const stopSignal = given['kill-signal'].toUpperCase() as NodeJS.Signals
  if (!passedOn.includes(stopSignal) && stopSignal !== 'SIGKILL') throw usageError(`-kill-signal: expected one of ${passedOn.join(', ')}`)
  const first = await injection.variables().catch((error: unknown) => {
    throw error instanceof Error && error.name === 'InjectionError' ? remoteError(error.message) : error
  })
  const watchSeconds = Number(given.watch)
  return await new Promise<number>((resolve) => {
    let timer: NodeJS.Timeout | undefined
    const pass = (signal: NodeJS.Signals): void => child.send(signal)
    const child = new Child({ command: program, stopSignal, graceMs: 30_000 }, (code) => {
      clearInterval(timer)
      for (const signal of passedOn) process.off(signal, pass)
      resolve(code)
    })
    for (const signal of passedOn) process.on(signal, pass)
    void child.start(first)
    if (watchSeconds > 0) timer = setInterval(() => void restartOnChange(injection, child, host.terminal.err), watchSeconds * 1000)
  })
}

/** What cannot be read stays as it is: the program goes on with what it has. */
async function restartOnChange(injection: Injection, child: Child, say: (text: string) => void): Promise<void> {
  try {
    const variables = await injection.changedVariables()
    if (variables !== null) await child.start(variables)
  } catch (error) {
    say(`The secrets could not be read anew: ${(error as Error).message}\n`)
  }
}
