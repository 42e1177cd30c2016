/** Runs OpenSSH with what it needs in a folder of its own, which is gone afterwards. */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import { usageError } from '../failure.ts'
import { describeFileError } from '../file-error.ts'

/** Runs `work` with a folder that only this user can enter. */
export async function withPrivateFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'coffer-ssh-'))
  try {
    return await work(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Writes a file for this user alone, and returns its path. */
export function writePrivate(folder: string, name: string, content: string, mode = 0o600): string {
  const path = join(folder, name)
  writeFileSync(path, content, { mode })
  return path
}

const forwarded = ['SIGTERM', 'SIGHUP'] as const
const ignore = (): void => undefined

/** The exit code of the program, as a shell gives it. What is typed goes to the program alone, ^C as well. Throws `Failure` (1) when it cannot be started. */
export async function runInForeground(program: string, args: readonly string[], environment: NodeJS.ProcessEnv): Promise<number> {
  const child = spawn(program, args, { stdio: 'inherit', env: environment })
  const pass = (signal: NodeJS.Signals): void => void child.kill(signal)
  for (const signal of forwarded) process.on(signal, pass)
  process.on('SIGINT', ignore)
  try {
    return await new Promise<number>((resolve, reject) => {
      child.once('error', (error) => reject(usageError(`failed to run ssh command: ${describeFileError(error)}`)))
      child.once('exit', (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])))
    })
  } finally {
    for (const signal of forwarded) process.off(signal, pass)
    process.off('SIGINT', ignore)
  }
}

/**
 * A program that gives ssh the password (`SSH_ASKPASS`, OpenSSH 8.4 and later). ssh asks it everything, so questions about unknown hosts go on to the person: a
 * password is no answer to them.
 */
export const askPass = `#!/bin/sh
case "$1" in
  *yes/no*) printf '%s' "$1" > /dev/tty && read -r answer < /dev/tty && printf '%s\\n' "$answer" ;;
  *) printf '%s\\n' "$COFFER_SSH_OTP" ;;
esac
`
