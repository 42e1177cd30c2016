/** `login`: gets a token, and keeps it for later commands. */
import type { Api } from '../api.ts'
import { defineCommand, type Session } from '../command.ts'
import { parseTexts } from '../data-args.ts'
import { step } from '../describe-failure.ts'
import { exitCodes, Failure, remoteError, usageError } from '../failure.ts'
import { bool, text, withDefault } from '../flags.ts'
import { findMethod, methodNames, mountOf } from '../login/methods.ts'
import { wrap } from '../output/table.ts'
import { trimPath } from '../paths.ts'
import { overridingVariable, storeToken } from '../saved-token.ts'
import { isWrapped, type WireSecret } from '../secret.ts'
import { mfaNotice } from '../written.ts'

const flags = {
  method: withDefault(text('The method: its type, not the path where it is mounted.', { values: methodNames() }), 'token'),
  path: text('Where the method is mounted. Default: its type.'),
  'no-store': bool('Do not keep the token for later commands.'),
  'no-print': bool('Do not show the token.'),
  'token-only': bool('Print the token and nothing else, and do not keep it.'),
}

type LoginSession = Session<{
  readonly method: string
  readonly path: string | undefined
  readonly 'no-store': boolean
  readonly 'no-print': boolean
  readonly 'token-only': boolean
}>

export const command = defineCommand({
  name: 'login',
  summary: 'Get a token, and keep it for later commands',
  arguments: '[TOKEN | K=V...]',
  description:
    'Logs in with a token or with another method, and keeps the token of each server address in a file of its own (or hands it to the ' +
    'token helper). "auth help METHOD" tells what a method wants to know.',
  examples: [
    ['With a token; without one, it is asked for:', 'login hvs.CAESIJ...'],
    ['With a name and a password:', 'login -method=userpass username=sally'],
    ['As an application, for a script:', 'login -token-only -method=approle role_id=@role-id secret_id=-'],
  ],
  flags,
  output: ['field', 'format'],
  args: { min: 0, max: -1 },
  run,
})

async function run(session: LoginSession): Promise<void> {
  const stores = !session.flags['no-store'] && !session.flags['token-only']
  if (session.flags['no-store'] && session.flags['no-print']) throw usageError('-no-store and -no-print cannot be used together')
  const api = await session.apiWithoutToken()
  const first = await authenticate(session, api)
  if (first?.auth?.mfa_requirement) {
    session.print.warn(`${wrap(mfaNotice)}\n`)
    return session.print.secret(first)
  }
  const secret = stores ? await opened(api, first) : first
  if (secret !== null && isWrapped(secret) && !stores) return printWrapped(session, secret)
  if (secret?.auth == null) throw remoteError('Error extracting token: no auth or wrapping info in response')
  await keep(session, api, secret, stores)
  await printLogin(session, secret)
}

async function authenticate(session: LoginSession, api: Api): Promise<WireSecret | null> {
  const type = trimPath(session.flags.method) || 'token'
  const method = findMethod(type)
  if (method === null) throw usageError(wrap(unknownMethod(type, session.host.program)))
  const values = await parseTexts(asPairs(type, session.args), session.readInput)
  const { mount = mountOf(type, session.flags.path), ...rest } = values
  const request = { api, values: rest, mount: trimPath(mount), ask: (question: string, name: string) => ask(session, question, name) }
  return step('Error authenticating', () => method.login(request))
}

const unknownMethod = (type: string, program: string): string =>
  `Unknown auth method: ${type}. Use "${program} auth list" to see what the server has. A method that this command does not know can be ` +
  `used with -method=generic -path=${type}.`

/** A lone word is the token; `-` takes it from stdin. */
const asPairs = (type: string, args: readonly string[]): readonly string[] => {
  const [first, ...rest] = args
  return type === 'token' && first !== undefined && !first.includes('=') ? [`token=${first}`, ...rest] : args
}

async function ask(session: LoginSession, question: string, name: string): Promise<string> {
  const { terminal } = session.host
  if (!session.interactive) throw remoteError(`Error authenticating: '${name}' not supplied and refusing to pull from stdin`)
  terminal.err(question)
  try {
    return await terminal.readHidden()
  } catch (error) {
    throw remoteError(
      `Error authenticating: could not ask for it: ${(error as Error).message}. To pipe the value in, write ${name}=- (a token: just -).`,
    )
  } finally {
    terminal.err('\n')
  }
}

/** The token inside of a wrapped answer. */
async function opened(api: Api, secret: WireSecret | null): Promise<WireSecret | null> {
  const info = secret?.wrap_info
  if (info == null) return secret
  if (info.wrapped_accessor === '') throw remoteError('Error extracting token: wrapped response does not contain a token')
  const call = { token: info.token, wrap: false }
  return opened(api, await step('Error extracting token', () => api.write('sys/wrapping/unwrap', undefined, call)))
}

const printWrapped = (session: LoginSession, secret: WireSecret): Promise<void> =>
  session.flags['token-only'] ? session.print.only(secret, 'wrapping_token') : session.print.secret(secret)

async function keep(session: LoginSession, api: Api, secret: WireSecret, stores: boolean): Promise<void> {
  const { host, print, flags: given } = session
  if (!stores) {
    if (!given['token-only']) print.warn(`${wrap(notStored)}\n`)
    return
  }
  try {
    await storeToken(host, api.address, secret.auth?.client_token ?? '')
  } catch (error) {
    print.error(`Error storing token: ${(error as Error).message}`)
    print.error(`${wrap('The login worked, but the token could not be kept. It is shown below: save it yourself.')}\n`)
    await print.secret(secret)
    throw new Failure(exitCodes.remote, '')
  }
  const variable = overridingVariable(host)
  const notice = `WARNING! The variable ${variable} is set, and wins over the token that was just kept. Unset it, or change it.`
  if (variable !== null) print.warn(`${wrap(notice)}\n`)
}

const notStored =
  'The token was not stored. Set the COFFER_TOKEN environment variable to the token below, or send it with each request.'

async function printLogin(session: LoginSession, secret: WireSecret): Promise<void> {
  const { print, flags: given, host } = session
  if (given['no-print']) return
  if (given['token-only']) return print.only(secret, 'token')
  if (print.field === undefined && print.isTable && !given['no-store']) print.line(`${wrap(welcome(host.program))}\n`)
  await print.secret(secret)
}

/** Vault's words: scripts look for them. */
const welcome = (program: string): string =>
  'Success! You are now authenticated. The token information displayed below is already stored in the token helper. You do NOT need to ' +
  `run "${program} login" again. Future Vault requests will automatically use this token.`
