/** One command line from its words to its exit code. */
import { ClientError } from '../../client/src/errors.ts'
import { readVariable } from '../../client/src/node/environment.ts'
import type { Api } from './api.ts'
import { findVerb, type Found } from './catalog.ts'
import { flagsOf } from './command-flags.ts'
import type { Command, Session } from './command.ts'
import { connect, addressFor, type HttpValues } from './connect.ts'
import { exitCodes, Failure, usageError } from './failure.ts'
import { checkFlagsFirst, parseFlags, withoutSeparator, type ParsedFlags } from './flags.ts'
import type { Host } from './host.ts'
import { createPrinter, formats, type Format, type Printer } from './output/printer.ts'

/** `argv` is without the program's name. Prints everything there is to say, and resolves with the exit code. */
export async function run(argv: readonly string[], host: Host): Promise<number> {
  try {
    if (host.environment['COMP_LINE'] !== undefined) return (await import('./completion/complete.ts')).complete(host)
    return await dispatch(argv, host)
  } catch (error) {
    return report(error, printerFor(host, {}), host)
  }
}

const versionFlags: readonly string[] = ['-v', '-version', '--version']
const helpFlags: readonly string[] = ['-h', '-help', '--help']
const installFlags: readonly string[] = ['-autocomplete-install', '-autocomplete-uninstall']

async function dispatch(argv: readonly string[], host: Host): Promise<number> {
  const install = argv.length === 1 ? installFlags.indexOf(argv[0]?.replace(/^--/, '-') ?? '') : -1
  if (install >= 0) return (await import('./completion/install.ts')).changeShells(host, install === 0)
  const words = spelledOut(argv)
  const found = findVerb(words)
  if (found.command === null) return (await import('./help.ts')).answerWithHelp(found, wantsHelp(words), host)
  const command = await found.command()
  if (wantsHelp(found.rest)) {
    host.terminal.out(`${(await import('./help.ts')).commandHelp(command, host.program)}\n`)
    return 0
  }
  return runCommand(command, found, host)
}

/** `help kv get` is `kv get -help`; `-version` alone is a command. */
function spelledOut(argv: readonly string[]): readonly string[] {
  if (argv[0] === 'help') return [...argv.slice(1), '-help']
  return argv.length === 1 && versionFlags.includes(argv[0] ?? '') ? ['version'] : argv
}

/** Anywhere before `--`, as in Vault. */
function wantsHelp(words: readonly string[]): boolean {
  const end = words.indexOf('--')
  return (end < 0 ? words : words.slice(0, end)).some((word) => helpFlags.includes(word))
}

async function runCommand(command: Command, found: Found, host: Host): Promise<number> {
  const flags = flagsOf(command)
  const read = (name: string): string | undefined => readVariable(host.environment, name)
  const parsed = parseFlags(flags, found.rest, read)
  const print = printerFor(host, parsed.values)
  let session: Session<never> | undefined
  try {
    checkFormat(command, print.format)
    const args = checkArguments(command, parsed.args, found.rest)
    session = sessionFor(host, parsed, args, print)
    return (await command.run(session)) ?? 0
  } catch (error) {
    const code = await report(error, print, host)
    if (print.isTable && isRefusal(error) && (await session?.api())?.token === '') {
      print.warn(`\nThere is no token: run "${host.program} login", or set COFFER_TOKEN.`)
    }
    return code
  }
}

/** Whether the server asked for a token, or a better one. */
const isRefusal = (error: unknown): boolean => error instanceof Failure && /\nCode: 403\.|missing client token/.test(error.message)

function checkFormat(command: Command, format: Format): void {
  if (format === 'raw' && !command.raw) throw usageError('This command does not support the -format=raw option.')
}

function checkArguments(command: Command, args: readonly string[], line: readonly string[]): readonly string[] {
  const { min, max } = command.args ?? { min: 0, max: 0 }
  if (command.passesFlags !== true) checkFlagsFirst(args, line)
  const kept = command.passesFlags === true ? args : withoutSeparator(args)
  const expected = max < 0 ? `at least ${min}` : min === max ? String(min) : `${min}-${max}`
  if (kept.length < min) throw usageError(`Not enough arguments (expected ${expected}, got ${kept.length})`)
  if (max >= 0 && kept.length > max) throw usageError(`Too many arguments (expected ${expected}, got ${kept.length})`)
  return kept
}

/** The printer for the flags of a verb; also before they are known, for errors. Throws `Failure` (1) for an unknown form. */
function printerFor(host: Host, values: Readonly<Record<string, unknown>>): Printer {
  const { terminal, environment } = host
  const format = String(values['format'] ?? 'table').toLowerCase() || 'table'
  if (!formats.includes(format as Format)) throw usageError(`Invalid output format: ${format}`)
  const quiet = Boolean(environment['NO_COLOR']) || environment['TERM'] === 'dumb'
  const colour = !quiet && values['no-color'] !== true && readVariable(environment, 'CLI_NO_COLOR') === undefined
  return createPrinter({
    terminal,
    format: format as Format,
    field: (values['field'] as string | undefined) || undefined,
    detailed: values['detailed'] === true,
    colour: colour && (terminal.errIsScreen || Boolean(environment['FORCE_COLOR'])),
    endFieldLine: terminal.outIsScreen && !quiet,
  })
}

function sessionFor(host: Host, parsed: ParsedFlags, args: readonly string[], print: Printer): Session<never> {
  const interactive = parsed.values['non-interactive'] !== true
  let api: Promise<Api> | undefined
  const http = parsed.values as unknown as HttpValues
  const withToken = async (): Promise<Api> => {
    const { findToken } = await import('./saved-token.ts')
    return connect(host, http, await findToken(host, addressFor(http)))
  }
  return {
    host,
    flags: parsed.values as never,
    given: parsed.given,
    args,
    print,
    interactive,
    readInput: () => (interactive ? host.terminal.readInput() : Promise.resolve('')),
    api: () => (api ??= withToken()),
    apiWithoutToken: () => connect(host, http, ''),
  }
}

/** Says what went wrong; anything that is neither a failure nor an error of the server is a bug and shows itself as one. */
async function report(error: unknown, print: Printer, host: Host): Promise<number> {
  if (error instanceof Failure) {
    if (error.message !== '') print.error(error.message)
    return error.exitCode
  }
  if (error instanceof ClientError) {
    const { toFailure } = await import('./describe-failure.ts')
    return report(toFailure(error), print, host)
  }
  if (error instanceof Error && error.name === 'DryRun' && 'text' in error) {
    host.terminal.out(`${String(error.text)}\n`)
    return 0
  }
  print.error(`This is a bug in ${host.program}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
  return exitCodes.usage
}
