/** The page of the reference about the command: every verb with its options, out of the declarations that its help comes from. */
import { groups } from '../src/cli/catalog.ts'
import type { Command } from '../src/cli/command.ts'
import type { Flag, FlagSet } from '../src/cli/flags.ts'
import { httpFlags, outputFlags } from '../src/cli/global-flags.ts'
import type { Page } from './reference-api.ts'

const program = 'coffer'

const intro = `# The command

\`${program} <command> [options] [arguments]\`. Options stand before arguments, with one dash or two, as \`-name=value\` or \`-name value\`. \`${program} <command> -help\`
shows what stands here. Installed under the name \`vault\` or \`bao\` it does the same.

Each option that names a variable takes its value from \`COFFER_X\`, or else \`BAO_X\`, or else \`VAULT_X\`, when it is not given itself; an empty variable counts
as not set. Only \`COFFER_X\` is named below.

Exit codes: 0 done; 1 the command line makes no sense, or something on this machine failed; 2 the server refused, cannot be reached, or has nothing at
that path. A few verbs give their codes a meaning of their own, which stands with them.`

const placeholders: Readonly<Record<Flag<unknown>['kind'], string>> = { bool: '', integer: '=int', text: '=string', duration: '=duration', list: '=string', map: '=key=value' }

/** `commands` in any order. */
export function cliPage(commands: readonly Command[]): Page {
  const sorted = commands.toSorted((a, b) => (a.name < b.name ? -1 : 1))
  const common = [
    '## Options of all verbs that talk to a server', flagTable(httpFlags), '## Options of output', 'A verb that takes them says so.', flagTable(outputFlags),
  ]
  const text = [intro, contentsOf(sorted), ...common, ...sorted.map(commandSection)].join('\n\n')
  return { file: 'cli.md', title: 'The command', summary: 'Every verb of `coffer` with its options.', text: `${text}\n` }
}

const anchorOf = (name: string): string => `#${program}-${name.replaceAll(' ', '-')}`

function contentsOf(commands: readonly Command[]): string {
  const rows = commands.map(({ name, summary }) => `| [\`${name}\`](${anchorOf(name)}) | ${summary} |`)
  return ['| Verb | |', '| --- | --- |', ...rows].join('\n')
}

function commandSection(command: Command): string {
  const { name, summary, description, examples = [], flags, output = [], remote, arguments: words } = command
  const group = name.includes(' ') ? groups[name.slice(0, name.lastIndexOf(' '))] : undefined
  const shared = [
    ...(output.length === 0 ? [] : [`Output: ${output.map((option) => `\`-${option}\``).join(', ')}.`]),
    ...(remote === false ? ['Talks to no server, and takes none of the options for that.'] : []),
  ]
  return [
    `## ${program} ${name}`,
    ...(group === undefined ? [] : [`*${group}.*`]),
    `\`${[program, name, '[options]', words].filter(Boolean).join(' ')}\``,
    `${summary}.${description === undefined ? '' : ` ${description.replaceAll('\n', '\n\n')}`}`,
    ...(examples.length === 0 ? [] : [`\`\`\`text\n${examples.map(([purpose, line]) => `# ${purpose}\n${program} ${line}`).join('\n')}\n\`\`\``]),
    ...(Object.values(flags).some(({ hidden }) => !hidden) ? [flagTable(flags)] : []),
    ...(shared.length === 0 ? [] : [shared.join(' ')]),
  ].join('\n\n')
}

function flagTable(flags: FlagSet): string {
  const visible = Object.entries(flags).filter(([, { hidden }]) => !hidden)
  const rows = visible.toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([name, flag]) => {
    const names = [name, ...(flag.aliases ?? [])].map((each) => `\`-${each}${flag.placeholder === undefined ? placeholders[flag.kind] : `=${flag.placeholder}`}\``)
    const initial = flag.initial === undefined || flag.initial === false || flag.initial === '' ? '' : ` Default: \`${String(flag.initial)}\`.`
    const variable = flag.variable === undefined ? '' : `\`COFFER_${flag.variable}\``
    return `| ${names.join(', ')} | ${`${flag.usage}${initial}`.replaceAll('|', '\\|')} | ${variable} |`
  })
  return ['| Option | | Variable |', '| --- | --- | --- |', ...rows].join('\n')
}
