/** Where the command begins: the only file, besides the terminal, that touches the process. */
import { homedir } from 'node:os'
import { basename } from 'node:path'
import type { Host } from './host.ts'
import { run } from './run.ts'
import { openTerminal } from './terminal.ts'

const programs: readonly string[] = ['coffer', 'vault', 'bao']

/** The name of the link that was called, if it is one that this command stands in for. */
function programName(): string {
  const name = basename(process.argv[1] ?? '').replace(/\.[a-z]+$/, '')
  return programs.includes(name) ? name : 'coffer'
}

const host: Host = {
  environment: process.env,
  home: process.env['HOME'] || homedir(),
  program: programName(),
  programPath: process.argv[1] ?? 'coffer',
  now: () => Date.now(),
  terminal: openTerminal(),
}

// No await at the top: the command is bundled as CommonJS, which Node starts sooner.
void run(process.argv.slice(2), host).then((exitCode) => {
  process.exitCode = exitCode
})
