/** Help pages, made from what the verbs declare. */
import { groups, namesBelow, summaryOf, type Found } from './catalog.ts'
import type { Command } from './command.ts'
import { exitCodes } from './failure.ts'
import type { Flag, FlagSet } from './flags.ts'
import { httpFlags, outputFlags } from './global-flags.ts'
import type { Host } from './host.ts'
import { formatColumns, wrap } from './output/table.ts'
import { closest } from './suggest.ts'

/** Answers words that name no verb: the help that was asked for (stdout, 0), or what is wrong (stderr). */
export async function answerWithHelp(found: Found, wanted: boolean, host: Host): Promise<number> {
  const page = found.name === '' ? await overview(host.program) : await groupHelp(found.name, host.program)
  if (wanted && found.rest.every((word) => word.startsWith('-'))) {
    host.terminal.out(`${page}\n`)
    return 0
  }
  const complaint = complain(found, host.program)
  host.terminal.err(complaint === null ? `${page}\n` : `${complaint}\n\n${page}\n`)
  return found.name === '' && !found.rest[0]?.startsWith('-') ? exitCodes.unknownCommand : exitCodes.usage
}

function complain(found: Found, program: string): string | null {
  const word = found.rest[0]
  if (word === undefined) return null
  if (word.startsWith('-')) return `Flags stand after the command: ${program} COMMAND ${word} ...`
  const siblings = namesBelow(found.name).map((name) => name.split(' ').at(-1) ?? '')
  const near = closest(word, siblings)
  const full = [program, found.name, word].filter(Boolean).join(' ')
  const meant = near === null ? '' : ` Did you mean "${[program, found.name, near].filter(Boolean).join(' ')}"?`
  return `There is no command "${full}".${meant}`
}

/** What a newcomer needs first; then what is left. */
const firstNames = ['server', 'status', 'login', 'kv', 'read', 'write', 'list', 'delete', 'policy', 'token']

export async function overview(program: string): Promise<string> {
  const all = namesBelow('')
  const first = firstNames.filter((name) => all.includes(name))
  const others = all.filter((name) => !first.includes(name))
  return [
    `Usage: ${program} <command> [options] [arguments]`,
    '',
    'Coffer keeps secrets sealed and hands them only to whom a policy allows.',
    '',
    'Try it:',
    '',
    `  ${program} server -dev                          a server for a first try, in memory (in a shell of its own)`,
    `  ${program} kv put secret/hello password=s3cret  store a secret`,
    `  ${program} kv get secret/hello                  read it`,
    `  ${program} kv get -field=password secret/hello  read one field, for scripts`,
    '',
    'Common commands:',
    '',
    await listed(first),
    '',
    'Other commands:',
    '',
    await listed(others),
    '',
    `"${program} help <command>" explains a command. The server is found by COFFER_ADDR (or VAULT_ADDR), the token by`,
    `COFFER_TOKEN (or VAULT_TOKEN) or the last "${program} login".`,
  ].join('\n')
}

const listed = async (names: readonly string[]): Promise<string> =>
  indent(formatColumns(await Promise.all(names.map(async (name) => [name.split(' ').at(-1) ?? '', await summaryOf(name)]))))

const indent = (text: string): string => text.replace(/^(?=.)/gm, '  ')

export async function groupHelp(group: string, program: string): Promise<string> {
  return [
    `Usage: ${program} ${group} <subcommand> [options] [arguments]`,
    '',
    `  ${groups[group]}.`,
    '',
    'Subcommands:',
    '',
    await listed(namesBelow(group)),
    '',
    `"${program} ${group} <subcommand> -help" explains a subcommand.`,
  ].join('\n')
}

export function commandHelp(command: Command, program: string): string {
  const sections = [
    `Usage: ${[program, command.name, '[options]', command.arguments].filter(Boolean).join(' ')}`,
    indent(wrap(command.description ?? `${command.summary}.`, 2).replace(/^ {2}/gm, '')),
    ...(command.examples ?? []).map(([purpose, line]) => `${wrap(purpose, 2)}\n\n      $ ${program} ${line}`),
    ...flagSection('Command options', command.flags),
    ...flagSection('Output options', Object.fromEntries((command.output ?? []).map((name) => [name, outputFlags[name]]))),
    ...flagSection('Connection options', command.remote === false ? {} : httpFlags),
  ]
  return sections.join('\n\n')
}

function flagSection(title: string, flags: FlagSet): string[] {
  const visible = Object.entries(flags).filter(([, flag]) => !flag.hidden)
  if (visible.length === 0) return []
  const lines = visible.toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([name, flag]) => flagHelp(name, flag))
  return [`${title}:\n\n${lines.join('\n\n')}`]
}

const placeholders: Readonly<Record<string, string>> = {
  integer: 'int',
  text: 'string',
  duration: 'duration',
  list: 'string',
  map: 'key=value',
}

function flagHelp(name: string, flag: Flag<unknown>): string {
  const placeholder = flag.placeholder ?? placeholders[flag.kind]
  const names = [name, ...(flag.aliases ?? [])].map((each) => `-${each}`).join(', ')
  const initial = flag.initial === undefined || flag.initial === false ? '' : ` Default: ${String(flag.initial)}.`
  const variable = flag.variable === undefined ? '' : ` Variable: COFFER_${flag.variable}.`
  return `  ${names}${placeholder === undefined ? '' : `=<${placeholder}>`}\n${wrap(flag.usage + initial + variable, 6)}`
}
