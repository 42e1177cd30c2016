/**
 * Completion by the protocol of bash's `complete -C`: the line and the cursor come in COMP_LINE and COMP_POINT, candidates go out one a
 * line. zsh speaks it through `bashcompinit`; fish gets the same candidates from a small script.
 */
import { findVerb, namesBelow } from '../catalog.ts'
import type { Command } from '../command.ts'
import { flagsOf } from '../command-flags.ts'
import { findFlag, type Flag, type FlagSet } from '../flags.ts'
import type { Host } from '../host.ts'

/** Prints the candidates for the word before the cursor. Always 0: a shell shows no errors of completions. */
export async function complete(host: Host): Promise<number> {
  const line = host.environment['COMP_LINE'] ?? ''
  const point = Number(host.environment['COMP_POINT'] ?? line.length)
  const candidates = await candidatesFor(line.slice(0, Number.isNaN(point) ? line.length : point), host)
  if (candidates.length > 0) host.terminal.out(`${candidates.join('\n')}\n`)
  return 0
}

/** `line` begins with the program's name and ends at the cursor. */
async function candidatesFor(line: string, host: Host): Promise<readonly string[]> {
  const words = splitWords(line).slice(1)
  const last = words.pop() ?? ''
  const found = findVerb(words)
  const matching = (all: readonly string[]): readonly string[] => all.filter((word) => word.startsWith(last))
  if (found.command === null) {
    const names = namesBelow(found.name).map((name) => name.split(' ').at(-1) ?? '')
    return found.rest.length > 0 ? [] : matching(names)
  }
  const command = await found.command()
  const flags = flagsOf(command)
  const open = openFlag(flags, found.rest)
  if (open !== null) return valuesOf(open, last, '')
  if (last.startsWith('-')) return flagCandidates(flags, last)
  return argumentCandidates(command, found.rest, last, host)
}

/** The words of a line as a shell sees them, roughly: the last one is what is being typed, '' after a space. */
function splitWords(line: string): string[] {
  const words: string[] = []
  for (const match of line.matchAll(/(?:"[^"]*"?|'[^']*'?|\\.|[^\s"'\\])+|\s+$/g)) words.push(match[0].trim().replace(/["'\\]/g, ''))
  return words
}

/** The flag that the next word would be the value of. */
function openFlag(flags: FlagSet, words: readonly string[]): Flag<unknown> | null {
  const before = words.at(-1) ?? ''
  if (!before.startsWith('-') || before.includes('=')) return null
  const flag = findFlag(flags, before.replace(/^--?/, ''))?.[1]
  return flag === undefined || flag.kind === 'bool' ? null : flag
}

function flagCandidates(flags: FlagSet, typed: string): readonly string[] {
  const equals = typed.indexOf('=')
  if (equals >= 0) {
    const flag = findFlag(flags, typed.slice(0, equals).replace(/^--?/, ''))?.[1]
    return flag === undefined ? [] : valuesOf(flag, typed.slice(equals + 1), typed.slice(0, equals + 1))
  }
  const names = Object.entries(flags).flatMap(([name, flag]) => (flag.hidden ? [] : [`-${name}`]))
  return names.filter((name) => name.startsWith(typed.replace(/^--/, '-'))).toSorted()
}

function valuesOf(flag: Flag<unknown>, typed: string, lead: string): readonly string[] {
  if (!Array.isArray(flag.values)) return []
  return (flag.values as readonly string[]).filter((value) => value.startsWith(typed)).map((value) => lead + value)
}

async function argumentCandidates(command: Command, words: readonly string[], typed: string, host: Host): Promise<readonly string[]> {
  const { completes } = command
  if (completes === undefined || completes === 'file') return []
  if (typeof completes !== 'string') return completes.filter((value) => value.startsWith(typed))
  const { remoteCandidates } = await import('./remote.ts')
  const mount = words.map((word) => /^--?mount=(.*)$/.exec(word)?.[1]).find((value) => value !== undefined)
  return remoteCandidates(completes, typed, command.name.startsWith('kv ') ? { kv: true, mount } : { kv: false, mount: undefined }, host)
}
