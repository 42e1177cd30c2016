/** Switches completion on in the shells whose settings are there, and off again. Touches one line, or one file, in each. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Host } from '../host.ts'

interface Shell {
  readonly name: string
  /** Relative to the home folder. */
  readonly file: string
  /** The shell is in use if this is there. */
  readonly sign: string
  /** A line within the user's own file, or the whole of a file of our own. */
  readonly kind: 'line' | 'file'
  text(program: string, path: string): string
}

const shells: readonly Shell[] = [
  { name: 'bash', file: '.bashrc', sign: '.bashrc', kind: 'line', text: (program, path) => `complete -C ${path} ${program}` },
  {
    name: 'zsh',
    file: '.zshrc',
    sign: '.zshrc',
    kind: 'line',
    text: (program, path) => `autoload -U +X bashcompinit && bashcompinit && complete -o nospace -C ${path} ${program}`,
  },
  {
    name: 'fish',
    file: '.config/fish/completions/PROGRAM.fish',
    sign: '.config/fish',
    kind: 'file',
    text: (program, path) => `complete -c ${program} -a '(env COMP_LINE=(commandline -cp) ${path})'\n`,
  },
]

/** 0 when at least one shell is now as wanted; 1 when none was found. */
export function changeShells(host: Host, install: boolean): number {
  const path = host.programPath
  const done = shells.filter(({ sign }) => existsSync(join(host.home, sign)))
  for (const shell of done) {
    const file = join(host.home, shell.file.replace('PROGRAM', host.program))
    if (shell.kind === 'line') changeLine(file, shell.text(host.program, path), install)
    else changeFile(file, shell.text(host.program, path), install)
    host.terminal.out(`${shell.name}: completion is ${install ? 'on' : 'off'} (${file})\n`)
  }
  if (done.length > 0) return 0
  host.terminal.err('No settings of bash, zsh or fish were found in your home folder.\n')
  return 1
}

function changeLine(file: string, line: string, install: boolean): void {
  const before = readFileSync(file, 'utf8')
  const without = before.split('\n').filter((each) => each !== line).join('\n')
  const after = install ? `${without.replace(/\n*$/, '\n')}${line}\n` : without
  if (after !== before) writeFileSync(file, after)
}

function changeFile(file: string, text: string, install: boolean): void {
  if (!install) return rmSync(file, { force: true })
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text)
}
