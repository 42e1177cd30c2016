/** Programs in Go that tests bring with them, built with modules from the proxy. */
import { spawnSync } from 'node:child_process'
import { missingProgram } from './shell.ts'

/** Builds the module in `source` as `program`. The reason why that cannot be done here, or false; Go keeps modules and objects in caches of its own. */
export function buildGoProgram(source: string, program: string): string | false {
  const missing = missingProgram(['go', 'version'])
  if (missing) return missing
  const { status, stderr } = spawnSync('go', ['build', '-o', program, '.'], { cwd: source, encoding: 'utf8' })
  if (status === 0) return false
  // Without a network there are no modules, and an old Go cannot read them; anything else is a mistake of ours.
  if (/dial tcp|no such host|i\/o timeout|requires go >=|invalid go version|requires Go/.test(stderr)) return `the module could not be built: ${stderr.trim().split('\n').at(-1)}`
  throw new Error(stderr)
}
