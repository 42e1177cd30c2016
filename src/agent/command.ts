/** Runs what is to be run after a template has changed. */
import { spawn } from 'node:child_process'
import type { Environment } from '../../client/src/node/environment.ts'

/** One element is for a shell, several are a program and its arguments. Throws when it fails, or takes longer than it may. */
export function runCommand(command: readonly string[], environment: Environment, timeoutSeconds: number): Promise<void> {
  const [program = '', ...args] = command.length === 1 ? ['/bin/sh', '-c', ...command] : command
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env: { ...environment }, stdio: ['ignore', 'inherit', 'inherit'] })
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      reject(new Error(`the command of a template did not end within ${timeoutSeconds} s`))
    }, timeoutSeconds * 1000)
    child.on('error', (error: NodeJS.ErrnoException) => {
      clearTimeout(timer)
      reject(new Error(`the command of a template could not be started: ${error.code ?? 'unknown'}`))
    })
    child.on('exit', (code, signal) => {
      clearTimeout(timer)
      if (code === 0) resolve()
      else reject(new Error(`the command of a template ended with ${signal ?? `code ${code}`}`))
    })
  })
}
